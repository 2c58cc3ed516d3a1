/* SPDX-License-Identifier: GPL-2.0-only */
/* The language of Xen's code: compiler, types, printing, memory, bits, atomics, locks, RCU. Included by harness.h only, after what it needs. */
#ifndef LAPWING_HARNESS_BASE_H
#define LAPWING_HARNESS_BASE_H

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

#endif
