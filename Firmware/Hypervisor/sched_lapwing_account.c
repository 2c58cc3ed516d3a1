/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: what a unit has used, how it behaves, and what its cap leaves it.
 */
#include <xen/lib.h>
#include <xen/softirq.h>
#include <xen/trace.h>

#include "sched_lapwing.h"

/*
 * Close the utilisation window if it is long enough.  A window holds CPU time
 * scaled by the capacity of the core it was spent on, so that a unit looks
 * the same from a small core and from a big one.
 */
static void lapwing_update_util(struct lapwing_unit *lu, s_time_t now)
{
    s_time_t length = now - lu->win_start;
    unsigned int util;

    if ( length < LAPWING_UTIL_WINDOW )
        return;

    util = min(lu->win_run * LAPWING_UTIL_MAX / length,
               (s_time_t)LAPWING_UTIL_MAX);
    if ( length >= 4 * LAPWING_UTIL_WINDOW )
        lu->util = util;
    else
        lu->util = (lu->util + util) / 2;
    lu->win_start = now;
    lu->win_run = 0;
}

/* Tell the other CPUs that run units of a domain that its cap is used up. */
static void lapwing_cap_reached(struct lapwing_private *prv,
                                const struct lapwing_dom *ld)
{
    unsigned int cpu;

    for_each_cpu ( cpu, &prv->cpus )
    {
        const struct lapwing_pcpu *pc = prv->pcpu[cpu];

        if ( pc->curr && pc->curr->dom == ld && cpu != smp_processor_id() )
            cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
    }
}

/*
 * Keep a unit's virtual time near that of the queue: who slept gets no more
 * than a small credit, who ran alone is not made to pay for it, and whatever
 * happened before, nobody waits for ever.
 */
void lapwing_clamp(const struct lapwing_private *prv, struct lapwing_unit *lu)
{
    s_time_t ahead = 3 * (MICROSECS(lapwing_tune.slice) * lu->inv_weight >> 16);

    if ( lu->vtime < prv->vtime - LAPWING_LAG_MAX )
        lu->vtime = prv->vtime - LAPWING_LAG_MAX;
    else if ( lu->vtime > prv->vtime + ahead )
        lu->vtime = prv->vtime + ahead;
}

void lapwing_burn(struct lapwing_private *prv, struct lapwing_unit *lu,
                  s_time_t now)
{
    const struct lapwing_pcpu *pc = prv->pcpu[lapwing_cpu(lu)];
    struct lapwing_dom *ld = lu->dom;
    s_time_t delta = now - lu->start;

    if ( unlikely(delta <= 0) )
        return;

    lu->start = now;
    lu->burst += delta;
    lu->vtime += (delta * lu->inv_weight) >> 16;
    /* With nobody waiting, running is free. */
    if ( !prv->nr_queued )
        lapwing_clamp(prv, lu);
    lu->win_run += delta * pc->capacity / LAPWING_CAPACITY_MAX;
    lapwing_update_util(lu, now);

    if ( lu->flags & LAPWING_BOOSTED )
    {
        lu->boost_left -= delta;
        if ( lu->boost_left <= 0 )
            lu->flags &= ~LAPWING_BOOSTED;
    }

    if ( ld->cap )
    {
        bool had = ld->budget > 0;

        ld->budget -= delta;
        if ( had && ld->budget <= 0 && ld->running > 1 )
            lapwing_cap_reached(prv, ld);
    }
}

/*
 * A unit is interactive if it uses the CPU in bursts that fit the boost and
 * sleeps most of the time.  Sleep earns boost, a quarter of its length, so
 * that no unit is ahead of its share for more than a fifth of the time.
 */
void lapwing_account_wake(struct lapwing_private *prv, struct lapwing_unit *lu,
                          s_time_t now)
{
    s_time_t bound = MICROSECS(lapwing_tune.boost);

    if ( lu->slept_at )
        lu->boost_left = min(bound,
                             max(lu->boost_left, (s_time_t)0) +
                             (now - lu->slept_at) / 4);
    lu->slept_at = 0;
    lapwing_update_util(lu, now);

    lu->burst = 0;
    lu->flags &= ~LAPWING_BOOSTED;
    if ( lu->weight >= LAPWING_WEIGHT_DEFAULT && lu->burst_avg < bound &&
         lu->boost_left > 0 && lu->util < LAPWING_UTIL_MAX / 2 )
    {
        lu->flags |= LAPWING_BOOSTED;
        prv->boosts++;
        TRACE_TIME(TRC_LAPWING_BOOST, lu->unit->domain->domain_id,
                   lu->unit->unit_id, lu->boost_left);
    }
}

void lapwing_account_sleep(struct lapwing_private *prv,
                           struct lapwing_unit *lu, s_time_t now)
{
    lu->slept_at = now;
    lu->burst_avg += (lu->burst - lu->burst_avg) / 4;
    lu->flags &= ~LAPWING_BOOSTED;
}

void lapwing_set_weight(struct lapwing_unit *lu, unsigned int weight)
{
    ASSERT(weight);
    lu->weight = weight;
    lu->inv_weight = (LAPWING_WEIGHT_DEFAULT << 16) / weight;
}

static s_time_t lapwing_full_budget(const struct lapwing_dom *ld)
{
    return LAPWING_CAP_PERIOD * ld->cap / 100;
}

/* The next multiple of the period: all capped domains share the wake-up. */
void lapwing_refill_arm(struct lapwing_private *prv, s_time_t now)
{
    if ( prv->refill_armed || !prv->nr_capped )
        return;

    prv->refill_armed = true;
    migrate_timer(&prv->refill, smp_processor_id());
    set_timer(&prv->refill, (now / LAPWING_CAP_PERIOD + 1) *
                            LAPWING_CAP_PERIOD);
}

static void lapwing_unpark(struct lapwing_private *prv, struct lapwing_dom *ld,
                           s_time_t now)
{
    while ( !list_empty(&ld->parked) )
    {
        struct lapwing_unit *lu =
            list_first_entry(&ld->parked, struct lapwing_unit, elem);

        lapwing_dequeue(prv, lu);
        if ( likely(unit_runnable(lu->unit)) )
            lapwing_enqueue(prv, lu, now);
    }
}

/* New budgets; true if some domain is not at its full budget yet. */
bool lapwing_refill(struct lapwing_private *prv, s_time_t now)
{
    struct lapwing_dom *ld;
    unsigned int cpu;
    bool more = false;

    for_each_cpu ( cpu, &prv->cpus )
        if ( prv->pcpu[cpu]->curr && prv->pcpu[cpu]->curr->dom->cap )
            lapwing_burn(prv, prv->pcpu[cpu]->curr, now);

    list_for_each_entry ( ld, &prv->doms, elem )
    {
        s_time_t full = lapwing_full_budget(ld);

        if ( !ld->cap )
            continue;
        if ( ld->budget < full )
            more = true;
        ld->budget = min(ld->budget + full, full);
        if ( ld->budget > 0 )
            lapwing_unpark(prv, ld, now);
        if ( ld->running )
            more = true;
    }

    return more;
}

void lapwing_set_cap(struct lapwing_private *prv, struct lapwing_dom *ld,
                     unsigned int cap)
{
    if ( cap && !ld->cap )
        prv->nr_capped++;
    else if ( !cap && ld->cap )
        prv->nr_capped--;
    if ( cap != ld->cap )
    {
        ld->cap = cap;
        ld->budget = lapwing_full_budget(ld);
        lapwing_unpark(prv, ld, NOW());
        if ( cap && ld->running )
            lapwing_refill_arm(prv, NOW());
    }
}
