/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: a power-aware scheduler for client machines.  Shared declarations.
 *
 * docs/scheduler.md says what it does for the user; docs/decisions/1000-*
 * says why it is as it is.
 */
#ifndef XEN_SCHED_LAPWING_H
#define XEN_SCHED_LAPWING_H

#include <xen/cpumask.h>
#include <xen/list.h>
#include <xen/sched.h>
#include <xen/spinlock.h>
#include <xen/time.h>
#include <xen/timer.h>

#include "private.h"

/* Weights are credit2's: the tool stack knows no other. */
#define LAPWING_WEIGHT_DEFAULT 256
#define LAPWING_CAPACITY_MAX   1024U
#define LAPWING_UTIL_MAX       1024U

/* A capped domain gets its budget anew at every multiple of this. */
#define LAPWING_CAP_PERIOD     MILLISECS(10)

/* How far behind a unit may stay by sleeping, in virtual time. */
#define LAPWING_LAG_MAX        MILLISECS(6)

/* What the boost is worth in virtual time: others wait no longer for it. */
#define LAPWING_BOOST_LEAD     MILLISECS(40)

/* Utilisation is measured over windows of at least this length. */
#define LAPWING_UTIL_WINDOW    MILLISECS(16)

/* How often a unit running on a core of the wrong class is looked at. */
#define LAPWING_MISFIT_PERIOD  MILLISECS(10)

enum lapwing_mode {
    LAPWING_POWERSAVE,
    LAPWING_BALANCED,
    LAPWING_PERFORMANCE,
    LAPWING_MODES,
};

/*
 * What a mode sets and a person may override, all times in microseconds.
 *
 * slice:    how long a unit runs while an equal one waits;
 * wait:     how long a waking unit may wait for a core that is awake before
 *           another core is woken for it;
 * boost:    how much CPU time an interactive unit may use ahead of its share;
 * align:    the grid on which the scheduler's own timers expire, 0 is none;
 * settle:   how long a core stays unused before it leaves the working set;
 * pack:     with more than this many percent of one CPU busy over a second,
 *           fill the working set and SMT siblings first; below, spread: while
 *           the machine mostly sleeps, what counts is to sleep again soon;
 * small:    with the machine awake more than this percentage of the time,
 *           small cores take what fits them; below, big ones race to idle;
 * big:      a unit that uses more than this percentage of a small core is
 *           given a big one; 0: it is kept on a small one.
 */
struct lapwing_tune {
    unsigned int slice;
    unsigned int wait;
    unsigned int boost;
    unsigned int align;
    unsigned int settle;
    unsigned int pack;
    unsigned int small;
    unsigned int big;
};

struct lapwing_dom;

/* One per scheduling unit. */
struct lapwing_unit {
    struct list_head elem;          /* in the run queue or in dom->parked   */
    struct sched_unit *unit;
    struct lapwing_dom *dom;        /* NULL for an idle unit                */
    unsigned int flags;
#define LAPWING_ON_CPU     (1U << 0) /* chosen and its context not yet saved */
#define LAPWING_REQUEUE    (1U << 1) /* queue it once its context is saved   */
#define LAPWING_QUEUED     (1U << 2)
#define LAPWING_PARKED     (1U << 3) /* its domain has used up its cap       */
#define LAPWING_BOOSTED    (1U << 4)
#define LAPWING_YIELDED    (1U << 5)
#define LAPWING_WAITING    (1U << 6) /* waits for a core that is awake       */
#define LAPWING_STAYS      (1U << 7) /* waits for its home, whose next it is */
    unsigned int target;            /* CPU tickled for it, or nr_cpu_ids    */
    unsigned int weight;
    unsigned int inv_weight;        /* (default weight << 16) / weight      */
    unsigned int util;              /* 0..1024 of a core of full capacity   */
    s_time_t vtime;                 /* weighted CPU time used               */
    s_time_t start;                 /* running and accounted up to here     */
    s_time_t sched_in;              /* chosen at                            */
    s_time_t deadline;              /* WAITING or STAYS ends here           */
    s_time_t slept_at;
    s_time_t burst;                 /* CPU time since the last wake-up      */
    s_time_t burst_avg;
    s_time_t boost_left;
    s_time_t win_start;
    s_time_t win_run;
};

/* One per domain. */
struct lapwing_dom {
    struct list_head elem;          /* in prv->doms                         */
    struct list_head parked;
    struct domain *domain;
    unsigned int weight;
    unsigned int cap;               /* percent of one CPU, 0 is none        */
    s_time_t budget;                /* left until the next refill           */
    unsigned int running;
};

#define LAPWING_IDLE_BUCKETS 4       /* <100 us, <1 ms, <10 ms, longer       */

/* One per scheduling resource, named by its master CPU. */
struct lapwing_pcpu {
    unsigned int cpu;
    unsigned int capacity;          /* 1..1024, the best core has 1024      */
    unsigned int probed_capacity;   /* in units of the firmware, or 0       */
    bool idle;                      /* runs the idle unit                   */
    bool probed;
    bool limited;                   /* decides anew within two slices       */
    struct lapwing_unit *curr;      /* NULL while idle                      */
    struct lapwing_unit *next;      /* waits for this CPU, or NULL          */
    s_time_t decide_at;             /* decides anew then, STIME_MAX if not  */
    s_time_t idle_since;
    cpumask_t core;                 /* the CPUs of its core in this pool    */
    cpumask_t package;
    /* Counters. */
    uint64_t wakeups, schedules, switches, migrations;
    s_time_t idle_time;
    uint64_t idle_len[LAPWING_IDLE_BUCKETS];
};

/* One per scheduler instance, that is per cpupool. */
struct lapwing_private {
    spinlock_t lock;                /* the schedule lock of all its CPUs    */
    struct list_head elem;          /* in lapwing_instances                 */
    const struct scheduler *ops;
    struct list_head runq;          /* by lapwing_key()                     */
    struct list_head doms;
    unsigned int nr_queued, nr_cpus, nr_capped;
    unsigned int ratelimit;         /* microseconds                         */
    s_time_t vtime;                 /* highest one taken from the queue     */
    bool hybrid;
    unsigned int small_capacity;
    cpumask_t cpus;                 /* all CPUs of this instance            */
    cpumask_t idle;                 /* those running their idle unit        */
    cpumask_t tickled;
    cpumask_t busy_cores;           /* CPUs of cores with a busy CPU        */
    cpumask_t busy_packages;
    cpumask_t small, big;           /* by capacity                          */
    unsigned int nr_busy;
    unsigned int busy_avg;          /* busy CPUs, 65536 is one              */
    unsigned int awake_avg;         /* any CPU busy, 1024 is always         */
    s_time_t avg_at;
    bool packing, use_small;
    cpumask_t set, used;            /* working set; cores used this period  */
    s_time_t set_next;
    struct timer kick;              /* ends the longest wait                */
    struct timer refill;
    bool kick_armed, refill_armed;
    s_time_t kick_at;
    struct lapwing_pcpu *pcpu[NR_CPUS];
    cpumask_t scratch[4];
    /* Counters. */
    uint64_t wakes, waits, expired, boosts, preempts, grows, shrinks;
    uint64_t parks;
};

static inline struct lapwing_private *lapwing_priv(const struct scheduler *ops)
{
    return ops->sched_data;
}

static inline struct lapwing_unit *lapwing_unit(const struct sched_unit *unit)
{
    return unit->priv;
}

static inline unsigned int lapwing_cpu(const struct lapwing_unit *lu)
{
    return sched_unit_master(lu->unit);
}

/* May a unit run on a CPU?  One that leaves the pool takes no more units. */
static inline bool lapwing_allowed(const struct lapwing_unit *lu,
                                   unsigned int cpu)
{
    const struct sched_unit *unit = lu->unit;

    return cpumask_test_cpu(cpu, unit->cpu_hard_affinity) &&
           cpumask_test_cpu(cpu, cpupool_domain_master_cpumask(unit->domain));
}

/* The order of the run queue: virtual time, less the lead of a boost. */
static inline s_time_t lapwing_key(const struct lapwing_unit *lu)
{
    return lu->vtime - (lu->flags & LAPWING_BOOSTED ? LAPWING_BOOST_LEAD : 0);
}

static inline bool lapwing_before(const struct lapwing_unit *a,
                                  const struct lapwing_unit *b)
{
    return lapwing_key(a) < lapwing_key(b);
}

/* The end of a wait or a slice, moved to the grid of the mode. */
static inline s_time_t lapwing_align(const struct lapwing_tune *tune,
                                     s_time_t at)
{
    s_time_t grid = MICROSECS(tune->align);

    return grid ? DIV_ROUND_UP(at, grid) * grid : at;
}

/* Parameters (sched_lapwing_param.c). */
extern struct lapwing_tune lapwing_tune;
extern enum lapwing_mode lapwing_mode;
extern bool lapwing_biglittle;
extern spinlock_t lapwing_instances_lock;
extern struct list_head lapwing_instances;
int lapwing_set_param(const char *s);
int lapwing_set_capacity(const char *s);
unsigned int lapwing_capacity_of(unsigned int cpu);
void lapwing_dump(const struct scheduler *ops);
void lapwing_dump_cpu(const struct scheduler *ops, int cpu);

/* Topology and working set (sched_lapwing_topology.c). */
void lapwing_rebuild(struct lapwing_private *prv);
void lapwing_cpu_busy(struct lapwing_private *prv, struct lapwing_pcpu *pc,
                      s_time_t now);
void lapwing_cpu_idle(struct lapwing_private *prv, struct lapwing_pcpu *pc,
                      s_time_t now, bool tasklet);
void lapwing_set_grow(struct lapwing_private *prv, unsigned int cpu,
                      s_time_t now);
void lapwing_set_shrink(struct lapwing_private *prv, s_time_t now);

/* Placement (sched_lapwing_place.c). */
int lapwing_place(struct lapwing_private *prv, struct lapwing_unit *lu,
                  s_time_t now, bool force);
bool lapwing_suits(const struct lapwing_private *prv,
                   const struct lapwing_unit *lu, unsigned int cpu);
bool lapwing_misplaced(struct lapwing_private *prv, struct lapwing_unit *lu,
                       const struct lapwing_pcpu *pc, s_time_t now);

/* Accounting (sched_lapwing_account.c). */
void lapwing_clamp(const struct lapwing_private *prv,
                   struct lapwing_unit *lu);
void lapwing_burn(struct lapwing_private *prv, struct lapwing_unit *lu,
                  s_time_t now);
void lapwing_account_wake(struct lapwing_private *prv, struct lapwing_unit *lu,
                          s_time_t now);
void lapwing_account_sleep(struct lapwing_private *prv,
                           struct lapwing_unit *lu, s_time_t now);
void lapwing_refill_arm(struct lapwing_private *prv, s_time_t now);
bool lapwing_refill(struct lapwing_private *prv, s_time_t now);
void lapwing_set_weight(struct lapwing_unit *lu, unsigned int weight);
void lapwing_set_cap(struct lapwing_private *prv, struct lapwing_dom *ld,
                     unsigned int cap);

/* What the machine itself says (sched_lapwing_machine.c). */
unsigned int lapwing_probe_capacity(void);
bool lapwing_hand_over(struct scheduler *ops, int *rc);

/* Run queue (sched_lapwing_queue.c). */
void lapwing_enqueue(struct lapwing_private *prv, struct lapwing_unit *lu,
                     s_time_t now);
void lapwing_dequeue(struct lapwing_private *prv, struct lapwing_unit *lu);
void lapwing_unstay(struct lapwing_private *prv, struct lapwing_pcpu *pc,
                    s_time_t now);

/*
 * Trace records.  Those that say what credit2's say carry its numbers and
 * layout, so that xenalyze decodes them; those of our own use the free
 * scheduler number 6, which xentrace writes and xenalyze prints raw.
 */
#define TRC_SCHED_LAPWING        6
#define TRC_LAPWING_WAIT         TRC_SCHED_CLASS_EVT(LAPWING, 1)
#define TRC_LAPWING_EXPIRED      TRC_SCHED_CLASS_EVT(LAPWING, 2)
#define TRC_LAPWING_SET          TRC_SCHED_CLASS_EVT(LAPWING, 3)
#define TRC_LAPWING_MODE         TRC_SCHED_CLASS_EVT(LAPWING, 4)
#define TRC_LAPWING_BOOST        TRC_SCHED_CLASS_EVT(LAPWING, 5)
#define TRC_LAPWING_TICKLE       TRC_SCHED_CLASS_EVT(CSCHED2, 6)
#define TRC_LAPWING_PICKED_CPU   TRC_SCHED_CLASS_EVT(CSCHED2, 19)
#define TRC_LAPWING_MIGRATE      TRC_SCHED_CLASS_EVT(CSCHED2, 15)
#define TRC_LAPWING_SCHEDULE     TRC_SCHED_CLASS_EVT(CSCHED2, 21)

#endif /* XEN_SCHED_LAPWING_H */
