/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine: CPUs and masks, topology, time and timers, softirqs, trace records, parameters. Included by harness.h only, after what it needs. */
#ifndef LAPWING_HARNESS_CPU_H
#define LAPWING_HARNESS_CPU_H

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

#endif
