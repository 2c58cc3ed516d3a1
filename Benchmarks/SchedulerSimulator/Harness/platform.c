/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine below Xen's scheduling core: CPUs, memory, timers, softirqs, trace records. */
#include <setjmp.h>
#include <stdlib.h>
#include "harness.h"
#include "api.h"

struct sim_state harness_state;
unsigned int harness_cpu, nr_cpu_ids = 1;
s_time_t harness_now;
unsigned long harness_irqs = 1;
cpumask_t cpu_online_map, cpu_present_map, cpu_possible_map, harness_cpumask_of[NR_CPUS], harness_node_cpus;
const cpumask_t cpumask_all = { { ~0UL } }, cpumask_none;
struct cpuinfo_x86 cpu_data[NR_CPUS], boot_cpu_data;
nodemask_t node_online_map = { { 1 } };
enum system_state system_state = SYS_STATE_boot;
bool tb_init_done;
static unsigned int random_seed;
DEFINE_PER_CPU(cpumask_var_t, cpu_sibling_mask);
DEFINE_PER_CPU(cpumask_var_t, cpu_core_mask);
DEFINE_PER_CPU(s_time_t, timer_deadline);
DEFINE_PER_CPU(unsigned long, tasklet_work_to_do);

jmp_buf harness_escape;
bool harness_inside, harness_dead;

void harness_die(const char *file, int line, const char *what)
{
    harness_printk("Xen died: %s at %s:%d\n", what, file, line);
    harness_dead = true;
    if ( !harness_inside )
        abort();
    longjmp(harness_escape, 1);
}

void harness_lock_error(const char *what)
{
    harness_die("lock", 0, what);
}

/* ---- memory: released as a whole with the image ---- */

void *harness_alloc(size_t bytes)
{
    return calloc(1, bytes ? bytes : 1);
}

void harness_free(void *p)
{
    if ( p != ZERO_BLOCK_PTR )
        free(p);
}

unsigned int harness_random(void)
{
    random_seed = random_seed * 1664525U + 1013904223U;
    return random_seed >> 8;
}

void harness_seed(unsigned int seed)
{
    random_seed = seed;
}

unsigned int cpumask_any(const cpumask_t *m)
{
    unsigned int cpu = cpumask_first(m), count = cpumask_weight(m);

    if ( count > 1 )
        for ( count = harness_random() % count; count; count-- )
            cpu = cpumask_next(cpu, m);
    return cpu;
}

/* ---- softirqs ---- */

static softirq_handler handlers[NR_SOFTIRQS];

void open_softirq(int nr, softirq_handler handler)
{
    handlers[nr] = handler;
}

void cpu_raise_softirq(unsigned int cpu, unsigned int nr)
{
    ASSERT(cpu < nr_cpu_ids);
    harness_state.cpu[cpu].pending |= 1U << nr;
    harness_state.dirty |= 1UL << cpu;
}

void raise_softirq(unsigned int nr)
{
    cpu_raise_softirq(harness_cpu, nr);
}

void cpumask_raise_softirq(const cpumask_t *m, unsigned int nr)
{
    unsigned int cpu;

    for_each_cpu ( cpu, m )
        if ( nr != SCHED_SLAVE_SOFTIRQ || cpu != harness_cpu )
            cpu_raise_softirq(cpu, nr);
}

/* ---- timers: a sorted list for each CPU; equal times keep the order in which they were set ---- */

static struct timer *queues[NR_CPUS];

static void enqueue(struct timer *t)
{
    struct timer **at = &queues[t->cpu];

    while ( *at && (*at)->expires <= t->expires )
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    t->status = TIMER_STATUS_in_list;
    /* As in Xen: only a new earliest timer makes its CPU program the hardware anew. */
    if ( queues[t->cpu] == t )
        cpu_raise_softirq(t->cpu, TIMER_SOFTIRQ);
}

static bool dequeue(struct timer *t)
{
    struct timer **at = &queues[t->cpu];
    bool first = *at == t;

    while ( *at != t )
        at = &(*at)->next;
    *at = t->next;
    t->status = TIMER_STATUS_inactive;
    return first;
}

void init_timer(struct timer *t, void (*function)(void *data), void *data, unsigned int cpu)
{
    memset(t, 0, sizeof(*t));
    t->function = function;
    t->data = data;
    t->cpu = cpu;
    t->status = TIMER_STATUS_inactive;
}

void stop_timer(struct timer *t)
{
    if ( timer_is_active(t) && dequeue(t) )
        cpu_raise_softirq(t->cpu, TIMER_SOFTIRQ);
}

void set_timer(struct timer *t, s_time_t expires)
{
    if ( t->status == TIMER_STATUS_killed )
        return;
    ASSERT(t->status != TIMER_STATUS_invalid);
    stop_timer(t);
    t->expires = expires;
    enqueue(t);
}

void migrate_timer(struct timer *t, unsigned int cpu)
{
    bool active = timer_is_active(t);

    if ( t->status == TIMER_STATUS_killed || t->cpu == cpu )
        return;
    if ( active )
        stop_timer(t);
    t->cpu = cpu;
    if ( active )
        enqueue(t);
}

void kill_timer(struct timer *t)
{
    if ( timer_is_active(t) )
        stop_timer(t);
    t->status = TIMER_STATUS_killed;
}

bool timer_expires_before(struct timer *t, s_time_t when)
{
    return timer_is_active(t) && t->expires <= when;
}

s_time_t align_timer(s_time_t first, uint64_t period)
{
    uint64_t past = period ? (uint64_t)first % period : 0;

    return past ? first + period - past : first;
}

static unsigned int timer_slop = 50000;
integer_param("timer_slop", timer_slop);

void harness_timers(void)
{
    struct timer *t;
    s_time_t deadline;

    while ( (t = queues[harness_cpu]) && t->expires <= NOW() )
    {
        dequeue(t);
        t->function(t->data);
    }
    deadline = t ? MAX(t->expires, NOW() + (s_time_t)timer_slop) : STIME_MAX;
    this_cpu(timer_deadline) = t ? deadline : 0;
    harness_state.cpu[harness_cpu].deadline = deadline;
    harness_state.dirty |= 1UL << harness_cpu;
}

void harness_softirqs(void)
{
    struct sim_cpu *cpu = &harness_state.cpu[harness_cpu];
    unsigned int rounds = 0;

    while ( cpu->pending )
    {
        unsigned int nr = __builtin_ctz(cpu->pending);

        cpu->pending &= ~(1U << nr);
        if ( nr == TIMER_SOFTIRQ )
            harness_timers();
        else if ( handlers[nr] )
            handlers[nr]();
        BUG_ON(++rounds > 1000);
    }
}

/* ---- trace records ---- */

void harness_trace(uint32_t event, unsigned int extra, const void *data)
{
    struct sim_record *r;

    if ( !tb_init_done || harness_state.records >= ARRAY_SIZE(harness_state.record) )
        return;
    r = &harness_state.record[harness_state.records++];
    r->time = harness_now;
    r->cpu = harness_cpu;
    r->event = event & 0x0fffffff;
    r->words = MIN(extra / 4, 7U);
    memcpy(r->data, data, r->words * 4);
}
