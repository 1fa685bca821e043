// Work for a guest, one kind a run: workloads KIND COUNT. Static, nothing but libc; prints a checksum.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t seed = 2463534242u;

static uint32_t next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}

// Dependent instructions of one register pair.
static uint64_t spin(int count) {
  uint32_t a = 1, b = 2;
  for (int i = 0; i < count; i++) __asm__ volatile("add %1, %0\n xor %0, %1\n rol $3, %0\n" : "+r"(a), "+r"(b)::"cc");
  return a ^ b;
}

struct node {
  struct node *next;
  uint32_t key;
};

static struct node *merge_sort(struct node *list) {
  if (!list || !list->next) return list;
  struct node *slow = list, *fast = list->next;
  while (fast && fast->next) slow = slow->next, fast = fast->next->next;
  struct node *right = slow->next, head, *tail = &head;
  slow->next = 0;
  list = merge_sort(list);
  right = merge_sort(right);
  while (list && right) {
    struct node **least = list->key <= right->key ? &list : &right;
    tail = tail->next = *least;
    *least = (*least)->next;
  }
  tail->next = list ? list : right;
  return head.next;
}

static uint64_t list(int count) {
  static struct node pool[1000];
  uint64_t sum = 0;
  for (int round = 0; round < count; round++) {
    struct node *first = 0;
    for (int i = 0; i < 1000; i++) pool[i] = (struct node){first, next_random()}, first = &pool[i];
    sum += merge_sort(first)->key;
  }
  return sum;
}

static uint64_t matrix(int count) {
  enum { N = 48 };
  static int32_t a[N][N], b[N][N], c[N][N];
  for (int i = 0; i < N * N; i++) a[i / N][i % N] = next_random() & 255, b[i / N][i % N] = next_random() & 255;
  for (int round = 0; round < count; round++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        int32_t sum = 0;
        for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    a[round % N][0] ^= c[0][round % N] & 15;
  }
  return c[3][5];
}

static uint64_t crc(int count) {
  static uint32_t table[256];
  static uint8_t text[65536];
  uint32_t sum = ~0u;
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
    table[i] = value;
  }
  for (size_t i = 0; i < sizeof text; i++) text[i] = next_random();
  for (int round = 0; round < count; round++)
    for (size_t i = 0; i < sizeof text; i++) sum = table[(sum ^ text[i]) & 255] ^ sum >> 8;
  return sum;
}

#define DECLARE_ORBIT(name, type)                                         \
  static uint64_t name(int count) {                                       \
    volatile type start = 1;                                              \
    type x = start, y = 0, vx = 0, vy = start;                            \
    for (int i = 0; i < count; i++) {                                     \
      type r2 = x * x + y * y, pull = (type)0.001 / (r2 * r2);            \
      vx -= x * pull, vy -= y * pull;                                     \
      x += vx * (type)0.001, y += vy * (type)0.001;                       \
    }                                                                     \
    return (uint64_t)(int64_t)((x + y) * 1000000);                        \
  }
DECLARE_ORBIT(orbit, double)
// On x86 long double is x87's.
DECLARE_ORBIT(orbit80, long double)

static uint64_t copy(int count) {
  enum { BYTES = 16 << 20 };
  char *from = malloc(BYTES), *to = malloc(BYTES + 4096);
  memset(from, 1, BYTES);
  memset(to, 2, BYTES);
  for (int i = 0; i < count; i++) {
    memcpy(to + 64 * (i & 1), from, BYTES);
    __asm__ volatile("" ::: "memory");
  }
  return to[5000];
}

static uint64_t getppid_(int count) {
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) sum += syscall(SYS_getppid);
  return sum > 0;
}

static uint64_t forkexec(int count) {
  int failed = 0, status;
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (!child) {
      execl("/proc/self/exe", "workloads", "nothing", "0", (char *)0);
      _exit(1);
    }
    waitpid(child, &status, 0);
    failed += status != 0;
  }
  return failed;
}

static uint64_t pingpong(int count) {
  int there[2], back[2];
  char byte = 1;
  if (pipe(there) || pipe(back)) return 1;
  if (!fork()) {
    for (int i = 0; i < count; i++)
      if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  for (int i = 0; i < count; i++)
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) return 1;
  return wait(0) < 0;
}

static uint64_t pagefaults(int count) {
  enum { BYTES = 16 << 20 };
  for (int i = 0; i < count; i++) {
    char *memory = mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, BYTES, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < BYTES; at += 4096) memory[at] = 1;
    munmap(memory, BYTES);
  }
  return 0;
}

static uint64_t nothing(int count) { return count; }

static const struct {
  const char *name;
  uint64_t (*run)(int);
} kinds[] = {
    {"spin", spin},         {"list", list},         {"matrix", matrix},     {"crc", crc},
    {"orbit", orbit},       {"orbit80", orbit80},   {"copy", copy},         {"getppid", getppid_},
    {"forkexec", forkexec}, {"pingpong", pingpong}, {"pagefaults", pagefaults}, {"nothing", nothing},
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 3 && i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(argv[1], kinds[i].name)) continue;
    uint64_t result = kinds[i].run(atoi(argv[2]));
    if (kinds[i].run != nothing) printf("%llx\n", (unsigned long long)result);
    return 0;
  }
  return 2;
}
