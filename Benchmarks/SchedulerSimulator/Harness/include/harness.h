/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Xen's schedulers need of Xen, in user space.
 *
 * common/sched/core.c, credit.c, credit2.c and Firmware/Hypervisor's files are compiled against this header instead
 * of Xen's own: it stands in front of Xen's include directory, and every header of Xen that reaches into the machine
 * is replaced by a forwarder to it. Xen's private.h, list.h, err.h and public headers are used as they are. Only what
 * the schedulers ask for is here: one simulated machine per process image, run by one thread at a time, so locks
 * count and check but never wait.
 */
#ifndef LAPWING_HARNESS_H
#define LAPWING_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <string.h>

/* ---- compiler ---- */
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier()   __asm__ __volatile__("" ::: "memory")
#define inline        __inline__
#define always_inline __inline__ __attribute__((__always_inline__))
#define noinline      __attribute__((__noinline__))
#define noreturn      __attribute__((__noreturn__))
#define __packed      __attribute__((__packed__))
#define __maybe_unused __attribute__((__unused__))
#define __must_check  __attribute__((__warn_unused_result__))
#define __used_section(s) __attribute__((__used__, __section__(s)))
#define __section(s) __attribute__((__section__(s)))
#define __read_mostly
#define __ro_after_init
#define __cacheline_aligned __attribute__((__aligned__(64)))
#define cf_check
#define __init
#define __initdata
#define __initconst
#define __initcall(f) static int (*const harness_initcall_##f)(void) __used_section(".data.initcalls") = (f)
#define presmp_initcall(f) __initcall(f)
#define fallthrough __attribute__((__fallthrough__))
#define ACCESS_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define read_atomic(p) (*(volatile __typeof__(*(p)) *)(p))
#define write_atomic(p, x) ((void)(*(volatile __typeof__(*(p)) *)(p) = (x)))
#define CONFIG_X86 1
#define CONFIG_64BIT 1
#define CONFIG_HYPFS 1
#define CONFIG_TRACEBUFFER 1
#ifndef CONFIG_SCHED_DEFAULT
#define CONFIG_SCHED_DEFAULT "credit2"
#endif

/* ---- types ---- */
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef int64_t s_time_t;
typedef long ssize_t;
typedef unsigned char nodeid_t;
#define PRI_stime PRId64
#define PRId64 "ld"
#define PRIu64 "lu"
#define PRIx64 "lx"
#define PRIX64 "lX"
#define PRIi32 "i"
#define PRId32 "d"
#define PRIu32 "u"
#define PRIx32 "x"

/* Xen's public headers as a tool sees them. */
#define __XEN_TOOLS__ 1
#include <public/xen.h>
#include <public/domctl.h>
#include <public/sysctl.h>
#include <public/sched.h>
#include <public/trace.h>
#include <public/vcpu.h>
#undef XEN_GUEST_HANDLE_PARAM
#define XEN_GUEST_HANDLE_PARAM(t) XEN_GUEST_HANDLE(t)

/* ---- macros ---- */
#define BITS_PER_LONG 64
#define BIT(n, t) ((1##t) << (n))
#define _AC(x, y) (x##y)
#define IS_ALIGNED(v, a) (((v) & ((a) - 1)) == 0)
#define ROUNDUP(x, a) (((x) + (a) - 1) & ~((a) - 1))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define DIV_ROUND(n, d) (((n) + (d) / 2) / (d))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define typeof __typeof__
#define min(x, y) ({ const typeof(x) x_ = (x); const typeof(y) y_ = (y); (void)(&x_ == &y_); x_ < y_ ? x_ : y_; })
#define max(x, y) ({ const typeof(x) x_ = (x); const typeof(y) y_ = (y); (void)(&x_ == &y_); x_ > y_ ? x_ : y_; })
#define min_t(t, x, y) ({ t x_ = (x); t y_ = (y); x_ < y_ ? x_ : y_; })
#define max_t(t, x, y) ({ t x_ = (x); t y_ = (y); x_ > y_ ? x_ : y_; })
#define MIN(x, y) ((x) < (y) ? (x) : (y))
#define MAX(x, y) ((x) > (y) ? (x) : (y))
#define clamp(v, lo, hi) min(max(v, lo), hi)
#define SWAP(a, b) do { typeof(a) t_ = (a); (a) = (b); (b) = t_; } while ( 0 )
#define count_args_(dot, a1, a2, a3, a4, a5, a6, a7, a8, x, ...) x
#define count_args(args...) count_args_(., ## args, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define __STR(x...) #x
#define STR(x...) __STR(x)
#define IS_ENABLED(x) 0

/* ---- printing and dying ---- */
#define XENLOG_ERR ""
#define XENLOG_WARNING ""
#define XENLOG_INFO ""
#define XENLOG_DEBUG ""
#define XENLOG_G_ERR ""
#define XENLOG_G_WARNING ""
#define XENLOG_G_INFO ""
#define XENLOG_G_DEBUG ""
void harness_printk(const char *format, ...);
void harness_die(const char *file, int line, const char *what) noreturn;
#define printk(f, ...) harness_printk(f, ##__VA_ARGS__)
#define dprintk(l, f, ...) harness_printk(l f, ##__VA_ARGS__)
#define gprintk(l, f, ...) harness_printk(l f, ##__VA_ARGS__)
#define gdprintk(l, f, ...) harness_printk(l f, ##__VA_ARGS__)
#define printk_once(f, ...) harness_printk(f, ##__VA_ARGS__)
#define panic(f, ...) (harness_printk(f, ##__VA_ARGS__), harness_die(__FILE__, __LINE__, "panic"))
#define BUG() harness_die(__FILE__, __LINE__, "BUG")
#define BUG_ON(c) do { if ( unlikely(c) ) harness_die(__FILE__, __LINE__, "BUG_ON(" #c ")"); } while ( 0 )
#define WARN() harness_printk("WARN at %s:%d\n", __FILE__, __LINE__)
#define WARN_ON(c) do { if ( unlikely(c) ) harness_printk("WARN_ON(%s) at %s:%d\n", #c, __FILE__, __LINE__); } while ( 0 )
#ifdef NDEBUG
#define ASSERT(c) do { if ( 0 && (c) ) {} } while ( 0 )
#define ASSERT_UNREACHABLE() do {} while ( 0 )
#else
#define ASSERT(c) do { if ( unlikely(!(c)) ) harness_die(__FILE__, __LINE__, "ASSERT(" #c ")"); } while ( 0 )
#define ASSERT_UNREACHABLE() harness_die(__FILE__, __LINE__, "ASSERT_UNREACHABLE()")
#endif
#define ASSERT_NOT_IN_ATOMIC() do {} while ( 0 )
#define BUILD_BUG_ON(c) ((void)sizeof(char[1 - 2 * !!(c)]))
#define BUILD_BUG_ON_ZERO(c) (sizeof(char[1 - 2 * !!(c)]) - 1)
int harness_snprintf(char *buffer, size_t size, const char *format, ...);
#define snprintf harness_snprintf
#define scnprintf harness_snprintf
unsigned long simple_strtoul(const char *s, const char **end, unsigned int base);
long simple_strtol(const char *s, const char **end, unsigned int base);
unsigned long long simple_strtoull(const char *s, const char **end, unsigned int base);
int parse_bool(const char *s, const char *e);
int parse_boolean(const char *name, const char *s, const char *e);
static inline int isdigit(int c) { return c >= '0' && c <= '9'; }
static inline int isspace(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
size_t strlcpy(char *d, const char *s, size_t n);
size_t strlcat(char *d, const char *s, size_t n);

/* ---- memory ---- */
void *harness_alloc(size_t bytes);
void harness_free(void *p);
#define xmalloc(t) ((t *)harness_alloc(sizeof(t)))
#define xzalloc(t) ((t *)harness_alloc(sizeof(t)))
#define xmalloc_array(t, n) ((t *)harness_alloc(sizeof(t) * (n)))
#define xzalloc_array(t, n) ((t *)harness_alloc(sizeof(t) * (n)))
#define xmalloc_bytes(n) harness_alloc(n)
#define xzalloc_bytes(n) harness_alloc(n)
#define xvmalloc(t) xmalloc(t)
#define xvzalloc(t) xzalloc(t)
#define xvmalloc_array(t, n) xmalloc_array(t, n)
#define xvzalloc_array(t, n) xzalloc_array(t, n)
#define xmalloc_flex_struct(t, f, n) ((t *)harness_alloc(offsetof(t, f[n])))
#define xzalloc_flex_struct(t, f, n) ((t *)harness_alloc(offsetof(t, f[n])))
#define xfree(p) harness_free(p)
#define xvfree(p) harness_free(p)
#define XFREE(p) do { void *p_ = (p); (p) = NULL; xfree(p_); } while ( 0 )
#define ZERO_BLOCK_PTR ((void *)-1L)

/* ---- bits and atomics: one thread, so plain operations ---- */
#define smp_mb() barrier()
#define smp_rmb() barrier()
#define smp_wmb() barrier()
#define smp_mb__before_atomic() barrier()
#define smp_mb__after_atomic() barrier()
#define cpu_relax() harness_die(__FILE__, __LINE__, "a wait that nothing can end")
#define block_lock_speculation() do {} while ( 0 )
static inline void __set_bit(int n, volatile void *p) { ((volatile unsigned long *)p)[n / 64] |= 1UL << (n % 64); }
static inline void __clear_bit(int n, volatile void *p) { ((volatile unsigned long *)p)[n / 64] &= ~(1UL << (n % 64)); }
static inline bool test_bit(int n, const volatile void *p)
{
    return (((const volatile unsigned long *)p)[n / 64] >> (n % 64)) & 1;
}
/* unsigned int is a bitmap too in Xen, so these take the width of the word they are given. */
#define harness_bitop_(p, n, op) ({ \
    bool old_; \
    if ( sizeof(*(p)) == 4 ) { \
        volatile uint32_t *w_ = (volatile uint32_t *)(p) + (n) / 32; uint32_t m_ = 1U << ((n) % 32); \
        old_ = *w_ & m_; *w_ = op 0 ? *w_ | m_ : *w_ & ~m_; \
    } else { \
        volatile uint64_t *w_ = (volatile uint64_t *)(p) + (n) / 64; uint64_t m_ = 1UL << ((n) % 64); \
        old_ = *w_ & m_; *w_ = op 0 ? *w_ | m_ : *w_ & ~m_; \
    } \
    old_; })
#define set_bit(n, p) ((void)harness_bitop_(p, n, 1 +))
#define clear_bit(n, p) ((void)harness_bitop_(p, n, 0 *))
#define test_and_set_bit(n, p) harness_bitop_(p, n, 1 +)
#define test_and_clear_bit(n, p) harness_bitop_(p, n, 0 *)
#define __test_and_set_bit(n, p) harness_bitop_(p, n, 1 +)
#define __test_and_clear_bit(n, p) harness_bitop_(p, n, 0 *)
#undef test_bit
#define test_bit(n, p) (sizeof(*(p)) == 4 \
    ? ((((const volatile uint32_t *)(p))[(n) / 32] >> ((n) % 32)) & 1) \
    : ((((const volatile uint64_t *)(p))[(n) / 64] >> ((n) % 64)) & 1))
#define __set_bit(n, p) set_bit(n, p)
#define __clear_bit(n, p) clear_bit(n, p)
#define test_and_clear_bool(b) ({ bool o_ = (b); (b) = false; o_; })
#define test_and_set_bool(b) ({ bool o_ = (b); (b) = true; o_; })
#define ffsl(x) __builtin_ffsl(x)
#define ffs(x) __builtin_ffs(x)
#define ffs64(x) __builtin_ffsll(x)
static inline unsigned int fls(unsigned int x) { return x ? 32 - __builtin_clz(x) : 0; }
static inline unsigned int flsl(unsigned long x) { return x ? 64 - __builtin_clzl(x) : 0; }
#define fls64(x) flsl(x)
#define hweight_long(x) ((unsigned int)__builtin_popcountl(x))
#define hweight64(x) ((unsigned int)__builtin_popcountl(x))
#define hweight32(x) ((unsigned int)__builtin_popcount(x))
#define ilog2(x) (flsl(x) - 1)
#define do_div(n, base) ({ uint32_t r_ = (uint64_t)(n) % (uint32_t)(base); (n) = (uint64_t)(n) / (uint32_t)(base); r_; })
static inline uint64_t muldiv64(uint64_t a, uint32_t b, uint32_t c) { return (uint64_t)((unsigned __int128)a * b / c); }
typedef struct { int counter; } atomic_t;
#define ATOMIC_INIT(i) { (i) }
#define atomic_read(a) ((a)->counter)
#define _atomic_read(a) ((a).counter)
#define atomic_set(a, i) ((void)((a)->counter = (i)))
#define atomic_add(i, a) ((void)((a)->counter += (i)))
#define atomic_sub(i, a) ((void)((a)->counter -= (i)))
#define atomic_inc(a) ((void)((a)->counter++))
#define atomic_dec(a) ((void)((a)->counter--))
#define atomic_inc_return(a) (++(a)->counter)
#define atomic_dec_return(a) (--(a)->counter)
#define atomic_inc_and_test(a) (++(a)->counter == 0)
#define atomic_dec_and_test(a) (--(a)->counter == 0)
#define cmpxchg(p, o, n) ({ typeof(*(p)) c_ = *(p); if ( c_ == (o) ) *(p) = (n); c_; })
#define xchg(p, n) ({ typeof(*(p)) c_ = *(p); *(p) = (n); c_; })
#define DECLARE_BITMAP(name, bits) unsigned long name[DIV_ROUND_UP(bits, 64)]

/* ---- locks: taken and checked, never waited for ---- */
typedef struct spinlock { unsigned int held; } spinlock_t;
typedef spinlock_t rspinlock_t;
typedef struct { unsigned int readers; bool writer; } rwlock_t;
#define SPIN_LOCK_UNLOCKED { 0 }
#define DEFINE_SPINLOCK(l) spinlock_t l = SPIN_LOCK_UNLOCKED
#define DEFINE_RWLOCK(l) rwlock_t l = { 0, false }
#define spin_lock_init(l) ((void)((l)->held = 0))
#define rwlock_init(l) (*(l) = (rwlock_t){ 0, false })
void harness_lock_error(const char *what) noreturn;
static inline void _spin_lock(spinlock_t *l) { if ( unlikely(l->held) ) harness_lock_error("taken twice"); l->held = 1; }
static inline void _spin_unlock(spinlock_t *l) { if ( unlikely(!l->held) ) harness_lock_error("not held"); l->held = 0; }
static inline bool _spin_trylock(spinlock_t *l) { bool got = !l->held; l->held = 1; return got; }
extern unsigned long harness_irqs;      /* 1 while interrupts are enabled; assertions of Xen's look at it */
static inline unsigned long harness_irqs_off(void) { unsigned long old = harness_irqs; harness_irqs = 0; return old; }
static inline unsigned long _spin_lock_irqsave(spinlock_t *l) { unsigned long f = harness_irqs_off(); _spin_lock(l); return f; }
static inline void _spin_lock_irq(spinlock_t *l) { harness_irqs = 0; _spin_lock(l); }
#define spin_lock(l) _spin_lock(l)
#define spin_unlock(l) _spin_unlock(l)
#define spin_lock_irq(l) _spin_lock_irq(l)
#define spin_unlock_irq(l) (_spin_unlock(l), (void)(harness_irqs = 1))
#define spin_trylock(l) _spin_trylock(l)
#define spin_lock_irqsave(l, f) ((f) = _spin_lock_irqsave(l))
#define spin_unlock_irqrestore(l, f) (_spin_unlock(l), (void)(harness_irqs = (f)))
#define spin_is_locked(l) ((l)->held != 0)
#define spin_lock_recursive(l) _spin_lock(l)
static inline void read_lock(rwlock_t *l) { if ( unlikely(l->writer) ) harness_lock_error("read while written"); l->readers++; }
static inline void read_unlock(rwlock_t *l) { if ( unlikely(!l->readers) ) harness_lock_error("not read"); l->readers--; }
static inline bool read_trylock(rwlock_t *l) { if ( l->writer ) return false; l->readers++; return true; }
static inline void write_lock(rwlock_t *l)
{
    if ( unlikely(l->writer || l->readers) ) harness_lock_error("written while in use");
    l->writer = true;
}
static inline bool write_trylock(rwlock_t *l) { if ( l->writer || l->readers ) return false; l->writer = true; return true; }
static inline void write_unlock(rwlock_t *l) { if ( unlikely(!l->writer) ) harness_lock_error("not written"); l->writer = false; }
#define read_lock_irq(l) (harness_irqs = 0, read_lock(l))
#define read_unlock_irq(l) (read_unlock(l), (void)(harness_irqs = 1))
#define read_lock_irqsave(l, f) ((f) = harness_irqs_off(), read_lock(l))
#define read_unlock_irqrestore(l, f) (read_unlock(l), (void)(harness_irqs = (f)))
#define write_lock_irq(l) (harness_irqs = 0, write_lock(l))
#define write_unlock_irq(l) (write_unlock(l), (void)(harness_irqs = 1))
#define write_lock_irqsave(l, f) ((f) = harness_irqs_off(), write_lock(l))
#define write_unlock_irqrestore(l, f) (write_unlock(l), (void)(harness_irqs = (f)))
#define rw_is_locked(l) ((l)->writer || (l)->readers)
#define rw_is_write_locked(l) ((l)->writer)
#define local_irq_save(f) ((f) = harness_irqs_off())
#define local_irq_restore(f) ((void)(harness_irqs = (f)))
#define local_irq_disable() ((void)(harness_irqs = 0))
#define local_irq_enable() ((void)(harness_irqs = 1))
#define local_irq_is_enabled() (harness_irqs != 0)
#define in_irq() false
struct seqcount { unsigned int sequence; };
#define SEQCNT_ZERO() { 0 }
#define with_seq_write(s) for ( bool once_ = true; once_; once_ = false )
#define until_seq_read(s) for ( bool once_ = true; once_; once_ = false )

/* ---- RCU: nothing runs beside us, so a callback may run at once ---- */
typedef struct { int unused; } rcu_read_lock_t;
struct rcu_head { struct rcu_head *next; void (*func)(struct rcu_head *head); };
#define DEFINE_RCU_READ_LOCK(x) rcu_read_lock_t x
#define rcu_read_lock(x) ((void)(x))
#define rcu_read_unlock(x) ((void)(x))
#define rcu_read_lock_init(x) ((void)(x))
#define rcu_dereference(p) (p)
#define rcu_assign_pointer(p, v) ((p) = (v))
#define rcu_pending(c) false
#define call_rcu(head, f) (f)(head)

/* ---- CPUs ---- */
#define NR_CPUS 64
extern unsigned int harness_cpu;        /* the CPU whose code runs now */
extern unsigned int nr_cpu_ids;
#define smp_processor_id() (harness_cpu)
#define raw_smp_processor_id() (harness_cpu)
#define DECLARE_PER_CPU(t, n) extern __typeof__(t) per_cpu__##n[NR_CPUS]
#define DEFINE_PER_CPU(t, n) __typeof__(t) per_cpu__##n[NR_CPUS]
#define DEFINE_PER_CPU_READ_MOSTLY(t, n) DEFINE_PER_CPU(t, n)
#define per_cpu(n, c) (per_cpu__##n[c])
#define this_cpu(n) (per_cpu__##n[harness_cpu])
#define per_cpu_ptr(n, c) (&per_cpu__##n[c])

/* One word holds a set of CPUs. */
typedef struct cpumask { unsigned long bits[1]; } cpumask_t;
typedef cpumask_t cpumask_var_t[1];
extern cpumask_t cpu_online_map, cpu_present_map, cpu_possible_map;
extern const cpumask_t cpumask_all, cpumask_none;
extern cpumask_t harness_cpumask_of[NR_CPUS];
#define cpumask_of(c) ((const cpumask_t *)&harness_cpumask_of[c])
#define cpumask_bits(m) ((m)->bits)
#define cpu_online(c) cpumask_test_cpu(c, &cpu_online_map)
#define num_online_cpus() cpumask_weight(&cpu_online_map)
#define for_each_online_cpu(c) for_each_cpu(c, &cpu_online_map)
#define for_each_present_cpu(c) for_each_cpu(c, &cpu_present_map)
#define nr_cpumask_bits 64
#define CPUMASK_PR(m) nr_cpu_ids, cpumask_bits(m)
static inline unsigned int cpumask_check(unsigned int c) { ASSERT(c < nr_cpu_ids); return c; }
#define cpumask_set_cpu(c, m) ((void)((m)->bits[0] |= 1UL << cpumask_check(c)))
#define cpumask_clear_cpu(c, m) ((void)((m)->bits[0] &= ~(1UL << cpumask_check(c))))
#define __cpumask_set_cpu(c, m) cpumask_set_cpu(c, m)
#define __cpumask_clear_cpu(c, m) cpumask_clear_cpu(c, m)
static inline bool cpumask_test_cpu(unsigned int c, const cpumask_t *m) { return (m->bits[0] >> cpumask_check(c)) & 1; }
static inline bool cpumask_test_and_set_cpu(unsigned int c, cpumask_t *m)
{
    bool old = cpumask_test_cpu(c, m);

    cpumask_set_cpu(c, m);
    return old;
}
static inline bool cpumask_test_and_clear_cpu(unsigned int c, cpumask_t *m)
{
    bool old = cpumask_test_cpu(c, m);

    cpumask_clear_cpu(c, m);
    return old;
}
#define __cpumask_test_and_set_cpu(c, m) cpumask_test_and_set_cpu(c, m)
#define __cpumask_test_and_clear_cpu(c, m) cpumask_test_and_clear_cpu(c, m)
static inline void cpumask_setall(cpumask_t *m) { m->bits[0] = ~0UL; }
static inline void cpumask_clear(cpumask_t *m) { m->bits[0] = 0; }
static inline void cpumask_copy(cpumask_t *d, const cpumask_t *s) { d->bits[0] = s->bits[0]; }
static inline void cpumask_and(cpumask_t *d, const cpumask_t *a, const cpumask_t *b) { d->bits[0] = a->bits[0] & b->bits[0]; }
static inline void cpumask_or(cpumask_t *d, const cpumask_t *a, const cpumask_t *b) { d->bits[0] = a->bits[0] | b->bits[0]; }
static inline void cpumask_xor(cpumask_t *d, const cpumask_t *a, const cpumask_t *b) { d->bits[0] = a->bits[0] ^ b->bits[0]; }
static inline void cpumask_andnot(cpumask_t *d, const cpumask_t *a, const cpumask_t *b) { d->bits[0] = a->bits[0] & ~b->bits[0]; }
static inline void cpumask_complement(cpumask_t *d, const cpumask_t *a) { d->bits[0] = ~a->bits[0]; }
static inline unsigned long harness_valid(void) { return nr_cpu_ids >= 64 ? ~0UL : (1UL << nr_cpu_ids) - 1; }
static inline bool cpumask_equal(const cpumask_t *a, const cpumask_t *b) { return !((a->bits[0] ^ b->bits[0]) & harness_valid()); }
static inline bool cpumask_intersects(const cpumask_t *a, const cpumask_t *b) { return a->bits[0] & b->bits[0] & harness_valid(); }
static inline bool cpumask_subset(const cpumask_t *a, const cpumask_t *b) { return !(a->bits[0] & ~b->bits[0] & harness_valid()); }
static inline bool cpumask_empty(const cpumask_t *m) { return !(m->bits[0] & harness_valid()); }
static inline bool cpumask_full(const cpumask_t *m) { return !(~m->bits[0] & harness_valid()); }
static inline unsigned int cpumask_weight(const cpumask_t *m) { return __builtin_popcountl(m->bits[0] & harness_valid()); }
static inline unsigned int harness_first(unsigned long w)
{
    w &= harness_valid();
    return w ? (unsigned int)__builtin_ctzl(w) : nr_cpu_ids;
}
static inline unsigned int cpumask_first(const cpumask_t *m) { return harness_first(m->bits[0]); }
static inline unsigned int cpumask_next(int n, const cpumask_t *m)
{
    return n >= 63 ? nr_cpu_ids : harness_first(m->bits[0] & (~0UL << (n + 1)));
}
static inline unsigned int cpumask_last(const cpumask_t *m)
{
    unsigned long w = m->bits[0] & harness_valid();

    return w ? 63U - __builtin_clzl(w) : nr_cpu_ids;
}
static inline unsigned int cpumask_cycle(int n, const cpumask_t *m)
{
    unsigned int next = cpumask_next(n, m);

    return next < nr_cpu_ids ? next : cpumask_first(m);
}
static inline unsigned int cpumask_test_or_cycle(unsigned int n, const cpumask_t *m)
{
    return cpumask_test_cpu(n, m) ? n : cpumask_cycle(n, m);
}
unsigned int cpumask_any(const cpumask_t *m);
#define for_each_cpu(c, m) \
    for ( (c) = cpumask_first(m); (c) < nr_cpu_ids; (c) = cpumask_next(c, m) )
static inline bool alloc_cpumask_var(cpumask_var_t *m) { return true; }
static inline bool zalloc_cpumask_var(cpumask_var_t *m) { cpumask_clear(*m); return true; }
static inline bool cond_alloc_cpumask_var(cpumask_var_t *m) { return true; }
static inline bool cond_zalloc_cpumask_var(cpumask_var_t *m) { cpumask_clear(*m); return true; }
#define free_cpumask_var(m) ((void)(m))
#define FREE_CPUMASK_VAR(m) ((void)(m))

/* ---- topology ---- */
struct cpuinfo_x86 {
    unsigned int x86_num_siblings, x86_max_cores, phys_proc_id, cpu_core_id, compute_unit_id;
    unsigned char x86_vendor, x86;
    int cpuid_level;
    unsigned int extended_cpuid_level;
};
/* No model specific registers: what a scheduler could read there, the simulator sets as a parameter. */
#define X86_VENDOR_UNKNOWN 0
#define X86_VENDOR_INTEL 1
#define X86_VENDOR_AMD 2
#define X86_VENDOR_CENTAUR 4
#define X86_VENDOR_SHANGHAI 8
#define X86_VENDOR_HYGON 16
#define cpuid_eax(l) ((void)(l), 0U)
#define cpuid_ebx(l) ((void)(l), 0U)
#define cpuid_ecx(l) ((void)(l), 0U)
#define cpuid_edx(l) ((void)(l), 0U)
#define rdmsr_safe(m, v) ((void)(m), (v) = 0, -1)
#define cpu_has(c, f) 0
#define boot_cpu_has(f) 0
#define on_selected_cpus(...) do {} while ( 0 )
extern struct cpuinfo_x86 cpu_data[NR_CPUS];
extern struct cpuinfo_x86 boot_cpu_data;
#define cpu_to_core(c) ((int)cpu_data[c].cpu_core_id)
#define cpu_to_socket(c) ((int)cpu_data[c].phys_proc_id)
DECLARE_PER_CPU(cpumask_var_t, cpu_sibling_mask);
DECLARE_PER_CPU(cpumask_var_t, cpu_core_mask);
#define MAX_NUMNODES 1
typedef struct { unsigned long bits[1]; } nodemask_t;
#define cpu_to_node(c) 0
extern cpumask_t harness_node_cpus;
#define node_to_cpumask(n) (harness_node_cpus)
#define num_online_nodes() 1
#define nodes_clear(n) ((n).bits[0] = 0)
#define node_set(i, n) ((void)((n).bits[0] |= 1UL << (i)))
#define for_each_node_mask(i, n) for ( (i) = 0; (i) < 1; (i)++ ) if ( ((n).bits[0] >> (i)) & 1 )
extern nodemask_t node_online_map;
#define cycle_node(n, mask) 0
#define next_node(n, mask) 1
#define first_node(mask) 0
#define NUMA_NO_NODE 0xff

/* ---- time and timers ---- */
extern s_time_t harness_now;
#define NOW() (harness_now)
#define SYSTEM_TIME_HZ 1000000000ULL
#define SECONDS(s) ((s_time_t)((s) * 1000000000ULL))
#define MILLISECS(ms) ((s_time_t)((ms) * 1000000ULL))
#define MICROSECS(us) ((s_time_t)((us) * 1000ULL))
#define STIME_MAX ((s_time_t)((uint64_t)~0ULL >> 1))
#define STIME_DELTA_MAX ((s_time_t)((uint64_t)~0ull >> 2))
static inline s_time_t get_s_time(void) { return harness_now; }
struct timer {
    s_time_t expires;
    struct timer *next;
    void (*function)(void *data);
    void *data;
    uint16_t cpu;
    uint8_t status;
};
#define TIMER_STATUS_invalid  0
#define TIMER_STATUS_inactive 1
#define TIMER_STATUS_killed   2
#define TIMER_STATUS_in_heap  3
#define TIMER_STATUS_in_list  4
void init_timer(struct timer *t, void (*function)(void *data), void *data, unsigned int cpu);
void set_timer(struct timer *t, s_time_t expires);
void stop_timer(struct timer *t);
void migrate_timer(struct timer *t, unsigned int cpu);
void kill_timer(struct timer *t);
bool timer_expires_before(struct timer *t, s_time_t when);
s_time_t align_timer(s_time_t first, uint64_t period);
#define timer_is_active(t) ((t)->status >= TIMER_STATUS_in_heap)
#define timer_is_expired(t) timer_expires_before(t, NOW())
DECLARE_PER_CPU(s_time_t, timer_deadline);

/* ---- softirqs and tasklets ---- */
enum {
    TIMER_SOFTIRQ = 0, RCU_SOFTIRQ, SCHED_SLAVE_SOFTIRQ, SCHEDULE_SOFTIRQ, NEW_TLBFLUSH_CLOCK_PERIOD_SOFTIRQ,
    TASKLET_SOFTIRQ, NR_SOFTIRQS
};
typedef void (*softirq_handler)(void);
void open_softirq(int nr, softirq_handler handler);
void raise_softirq(unsigned int nr);
void cpu_raise_softirq(unsigned int cpu, unsigned int nr);
void cpumask_raise_softirq(const cpumask_t *m, unsigned int nr);
#define process_pending_softirqs() do {} while ( 0 )
#define _TASKLET_enqueued 0
#define _TASKLET_scheduled 1
#define TASKLET_enqueued (1UL << _TASKLET_enqueued)
#define TASKLET_scheduled (1UL << _TASKLET_scheduled)
DECLARE_PER_CPU(unsigned long, tasklet_work_to_do);

/* ---- performance counters: counted by name in the harness ---- */
#define SCHED_STAT_CRANK(x) do {} while ( 0 )
#define perfc_incr(x) do {} while ( 0 )
#define perfc_decr(x) do {} while ( 0 )
#define perfc_add(x, v) do {} while ( 0 )
#define perfc_incra(x, y) do {} while ( 0 )
#define perfc_set(x, v) do {} while ( 0 )

/* ---- trace records ---- */
extern bool tb_init_done;
void harness_trace(uint32_t event, unsigned int extra, const void *data);
static inline void trace(uint32_t event, unsigned int extra, const void *data) { harness_trace(event, extra, data); }
static inline void trace_time(uint32_t event, unsigned int extra, const void *data)
{
    harness_trace(event | TRC_HD_CYCLE_FLAG, extra, data);
}
#define TRACE(e, ...) do { \
    if ( unlikely(tb_init_done) ) \
    { \
        uint32_t d_[] = { __VA_ARGS__ }; \
        BUILD_BUG_ON(ARRAY_SIZE(d_) > TRACE_EXTRA_MAX); \
        harness_trace(e, sizeof(d_), sizeof(d_) ? d_ : NULL); \
    } \
} while ( 0 )
#define TRACE_TIME(e, ...) TRACE((e) | TRC_HD_CYCLE_FLAG, ##__VA_ARGS__)

/* ---- parameters: found by name, set by their parse functions ---- */
struct param_hypfs;
struct harness_param {
    const char *name;
    int kind;                   /* 0 unsigned, 1 boolean, 2 string, 3 custom */
    unsigned int size;
    void *variable;
    int (*parse)(const char *value);
    void (*leaf)(struct param_hypfs *leaf);
    bool runtime;
};
#define XEN_HYPFS_LEAF 1
struct hypfs_entry { unsigned short type, encoding; unsigned int size, max_size; const char *name; };
struct hypfs_entry_leaf {
    struct hypfs_entry e;
    union { const void *content; void *write_ptr; } u;
};
struct param_hypfs {
    struct hypfs_entry_leaf hypfs;
    void (*init_leaf)(struct param_hypfs *par);
    int (*func)(const char *value);
};
#define harness_param_(id, ...) \
    static const struct harness_param __attribute__((__aligned__(8))) harness_param_##id \
        __used_section(".data.harness_params") = { __VA_ARGS__ }
#define custom_param(n, v) harness_param_(v##_boot, .name = (n), .kind = 3, .parse = (v))
#define boolean_param(n, v) harness_param_(v##_boot, .name = (n), .kind = 1, .size = sizeof(v), .variable = &(v))
#define integer_param(n, v) harness_param_(v##_boot, .name = (n), .kind = 0, .size = sizeof(v), .variable = &(v))
#define size_param(n, v) harness_param_(v##_boot, .name = (n), .kind = 0, .size = sizeof(v), .variable = &(v))
#define string_param(n, v) harness_param_(v##_boot, .name = (n), .kind = 2, .size = sizeof(v), .variable = (void *)(v))
#define custom_runtime_only_param(n, v, f) \
    static struct param_hypfs __maybe_unused __parfs_##v = { .hypfs.e.name = (n), .init_leaf = (f), .func = (v) }; \
    harness_param_(v##_run, .name = (n), .kind = 3, .parse = (v), .leaf = (f), .variable = &__parfs_##v, .runtime = true)
#define boolean_runtime_only_param(n, v) \
    harness_param_(v##_run, .name = (n), .kind = 1, .size = sizeof(v), .variable = &(v), .runtime = true)
#define integer_runtime_only_param(n, v) \
    harness_param_(v##_run, .name = (n), .kind = 0, .size = sizeof(v), .variable = &(v), .runtime = true)
#define size_runtime_only_param(n, v) integer_runtime_only_param(n, v)
#define string_runtime_only_param(n, v) \
    harness_param_(v##_run, .name = (n), .kind = 2, .size = sizeof(v), .variable = (void *)(v), .runtime = true)
#define param_2_parfs(p) (&__parfs_##p)
#define custom_runtime_set_var_sz(par, var, sz) \
    { (par)->hypfs.u.content = var; (par)->hypfs.e.max_size = sz; (par)->hypfs.e.size = strlen(var) + 1; }
#define custom_runtime_set_var(par, var) custom_runtime_set_var_sz(par, var, sizeof(var))
#define custom_runtime_param(n, v, f) custom_param(n, v); custom_runtime_only_param(n, v, f)
#define boolean_runtime_param(n, v) boolean_param(n, v); boolean_runtime_only_param(n, v)
#define integer_runtime_param(n, v) integer_param(n, v); integer_runtime_only_param(n, v)
#define size_runtime_param(n, v) size_param(n, v); size_runtime_only_param(n, v)
#define string_runtime_param(n, v) string_param(n, v); string_runtime_only_param(n, v)

/* ---- debug keys and notifiers ---- */
#define register_keyhandler(...) do {} while ( 0 )
struct notifier_block { int (*notifier_call)(struct notifier_block *b, unsigned long action, void *cpu); int priority; };
#define NOTIFY_DONE 0
#define notifier_from_errno(e) (e)
#define CPU_UP_PREPARE 1
#define CPU_UP_CANCELED 2
#define CPU_STARTING 3
#define CPU_ONLINE 4
#define CPU_DOWN_PREPARE 5
#define CPU_DOWN_FAILED 6
#define CPU_DYING 7
#define CPU_DEAD 8
#define CPU_REMOVE 9
#define CPU_RESUME_FAILED 10
void register_cpu_notifier(struct notifier_block *b);
enum system_state { SYS_STATE_early_boot, SYS_STATE_boot, SYS_STATE_smp_boot, SYS_STATE_active, SYS_STATE_suspend, SYS_STATE_resume };
extern enum system_state system_state;

/* ---- domains, virtual CPUs, scheduling units ---- */
struct domain;
struct vcpu;
struct sched_resource;
struct cpupool;
struct scheduler;
struct affinity_masks;
#define VCPU_AFFINITY_OVERRIDE 0x01
#define VCPU_AFFINITY_WAIT 0x02
#define _VPF_blocked 0
#define VPF_blocked (1UL << _VPF_blocked)
#define _VPF_down 1
#define VPF_down (1UL << _VPF_down)
#define _VPF_migrating 3
#define _VPF_parked 8
#define VPF_parked (1UL << _VPF_parked)
#define VPF_migrating (1UL << _VPF_migrating)
struct vcpu {
    int vcpu_id;
    int processor;
    struct domain *domain;
    struct vcpu *next_in_list;
    struct sched_unit *sched_unit;
    spinlock_t periodic_timer_lock;
    s_time_t periodic_period, periodic_last_event;
    struct timer periodic_timer, singleshot_timer, poll_timer;
    struct vcpu_runstate_info runstate;
    struct seqcount runstate_seq;
    unsigned int new_state;
    bool is_initialised, is_running, is_urgent, force_context_switch;
    uint8_t affinity_broken;
    int poll_evtchn;
    unsigned long pause_flags;
    atomic_t pause_count;
};
struct sched_unit {
    struct domain *domain;
    struct vcpu *vcpu_list;
    void *priv;
    struct sched_unit *next_in_list;
    struct sched_resource *res;
    unsigned int unit_id;
    bool is_running, soft_aff_effective, migrated;
    uint64_t state_entry_time;
    unsigned int runstate_cnt[4];
    cpumask_var_t cpu_hard_affinity, cpu_hard_affinity_saved, cpu_soft_affinity;
    struct sched_unit *next_task;
    s_time_t next_time;
    unsigned int rendezvous_in_cnt;
    atomic_t rendezvous_out_cnt;
};
#define NR_DOMAIN_WATCHDOG_TIMERS 2
struct domain {
    domid_t domain_id;
    unsigned int max_vcpus;
    struct vcpu **vcpu;
    void *sched_priv;
    struct sched_unit *sched_unit_list;
    struct cpupool *cpupool;
    struct domain *next_in_list;
    nodemask_t node_affinity;
    bool auto_node_affinity;
    spinlock_t node_affinity_lock;
    bool is_dying, is_shutting_down;
    spinlock_t shutdown_lock;
    int shutdown_code;
    atomic_t pause_count;
    unsigned long poll_mask[1];
    spinlock_t watchdog_lock;
    uint32_t watchdog_inuse_map;
    struct timer watchdog_timer[NR_DOMAIN_WATCHDOG_TIMERS];
};
extern struct domain *domain_list;
extern rcu_read_lock_t domlist_read_lock;
#define for_each_domain(d) for ( (d) = domain_list; (d); (d) = (d)->next_in_list )
#define for_each_domain_in_cpupool(d, c) for_each_domain(d) if ( (d)->cpupool == (c) )
#define for_each_vcpu(d, v) for ( (v) = (d)->vcpu ? (d)->vcpu[0] : NULL; (v); (v) = (v)->next_in_list )
#define for_each_sched_unit(d, u) for ( (u) = (d)->sched_unit_list; (u); (u) = (u)->next_in_list )
#define for_each_sched_unit_vcpu(u, v) \
    for ( (v) = (u)->vcpu_list; \
          (v) && (!(u)->next_in_list || (v)->vcpu_id < (int)(u)->next_in_list->unit_id); (v) = (v)->next_in_list )
extern struct vcpu *idle_vcpu[NR_CPUS];
DECLARE_PER_CPU(struct vcpu *, curr_vcpu);
#define current (this_cpu(curr_vcpu))
#define get_cpu_current(c) per_cpu(curr_vcpu, c)
#define is_idle_domain(d) ((d)->domain_id == DOMID_IDLE)
#define is_idle_vcpu(v) is_idle_domain((v)->domain)
#define is_control_domain(d) ((d)->domain_id == 0)
#define is_hardware_domain(d) ((d)->domain_id == 0)
static inline bool is_vcpu_online(const struct vcpu *v) { return !test_bit(_VPF_down, &v->pause_flags); }
static inline bool vcpu_runnable(const struct vcpu *v)
{
    return !(v->pause_flags | atomic_read(&v->pause_count) | atomic_read(&v->domain->pause_count));
}
extern struct domain *hardware_domain;
extern bool opt_dom0_vcpus_pin, dom0_affinity_relaxed;
extern cpumask_t dom0_cpus;
extern bool sched_smt_power_savings, sched_disable_smt_switching;
extern int sched_ratelimit_us;
DECLARE_PER_CPU(atomic_t, sched_urgent_count);
void vcpu_wake(struct vcpu *v);
long vcpu_yield(void);
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
void vcpu_unblock(struct vcpu *v);
void vcpu_block(void);
void vcpu_pause(struct vcpu *v);
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);
int sched_init_vcpu(struct vcpu *v);
void sched_destroy_vcpu(struct vcpu *v);
int sched_init_domain(struct domain *d, unsigned int poolid);
void sched_destroy_domain(struct domain *d);
int sched_move_domain(struct domain *d, struct cpupool *c);
long sched_adjust(struct domain *d, struct xen_domctl_scheduler_op *op);
long sched_adjust_global(struct xen_sysctl_scheduler_op *op);
int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *m);
int vcpu_temporary_affinity(struct vcpu *v, unsigned int cpu, uint8_t reason);
void scheduler_init(void);
void scheduler_enable(void);
void scheduler_disable(void);
int scheduler_id(void);
void sched_context_switched(struct vcpu *prev, struct vcpu *next);
void domain_update_node_aff(struct domain *d, struct affinity_masks *affinity);
#define domain_update_node_affinity(d) domain_update_node_aff(d, NULL)
void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *info);
uint64_t get_cpu_idle_time(unsigned int cpu);
void context_switch(struct vcpu *prev, struct vcpu *next);
static inline void continue_running(struct vcpu *same) {}
#define sync_vcpu_execstate(v) ((void)(v))
#define sync_local_execstate() do {} while ( 0 )
void send_timer_event(struct vcpu *v);
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
struct domain *domain_create(domid_t id, const void *config, unsigned int flags);
#define CDF_privileged 1
int domain_shutdown(struct domain *d, uint8_t reason);
struct domain *rcu_lock_domain_by_id(domid_t id);
#define rcu_unlock_domain(d) ((void)(d))
#define get_knownalive_domain(d) ((void)(d))
#define put_domain(d) ((void)(d))
#define arch_vcpu_block(v) ((void)(v))
#define arch_move_irqs(v) ((void)(v))
#define evtchn_move_pirqs(v) ((void)(v))
#define local_events_need_delivery() false
#define local_event_delivery_enable() do {} while ( 0 )
#define evtchn_port_poll(d, p) ((void)(d), (void)(p), 0)
#define xsm_schedop_shutdown(a, d, t) ((void)(t), 0)
#define XSM_DM_PRIV 0
#define SHUTDOWN_CODE_INVALID ~0
#define guest_handle_okay(h, n) true
#define guest_handle_is_null(h) ((h).p == NULL)
#define copy_from_guest(d, h, n) (memcpy(d, (h).p, sizeof(*(d)) * (n)), 0)
#define copy_to_guest(h, s, n) (memcpy((h).p, s, sizeof(*(s)) * (n)), 0)
#define __copy_from_guest_offset(d, h, i, n) (memcpy(d, (h).p + (i), sizeof(*(d)) * (n)), 0)
#define __copy_to_guest_offset(h, i, s, n) (memcpy((h).p + (i), s, sizeof(*(s)) * (n)), 0)
#define copy_from_guest_offset(d, h, i, n) __copy_from_guest_offset(d, h, i, n)
#define copy_to_guest_offset(h, i, s, n) __copy_to_guest_offset(h, i, s, n)
#define hypercall_preempt_check() false
int xenctl_bitmap_to_bitmap(unsigned long *d, const struct xenctl_bitmap *s, unsigned int bits);
int cpumask_to_xenctl_bitmap(struct xenctl_bitmap *d, const cpumask_t *s);
#define get_random() harness_random()
unsigned int harness_random(void);

#include <xen/err.h>
#endif
