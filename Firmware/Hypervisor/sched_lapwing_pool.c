/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: coming and going of CPUs, domains and units, and the registration.
 */
#include <xen/err.h>
#include <xen/lib.h>
#include <xen/sections.h>
#include <xen/softirq.h>

#include "sched_lapwing_hooks.h"

static int cf_check lapwing_init(struct scheduler *ops)
{
    struct lapwing_private *prv;
    int rc;

    if ( lapwing_hand_over(ops, &rc) )
        return rc;

    prv = xzalloc(struct lapwing_private);
    if ( !prv )
        return -ENOMEM;

    spin_lock_init(&prv->lock);
    INIT_LIST_HEAD(&prv->runq);
    INIT_LIST_HEAD(&prv->doms);
    prv->ops = ops;
    prv->ratelimit = sched_ratelimit_us;
    init_timer(&prv->kick, lapwing_kick_fn, prv, smp_processor_id());
    init_timer(&prv->refill, lapwing_refill_fn, prv, smp_processor_id());
    ops->sched_data = prv;

    spin_lock(&lapwing_instances_lock);
    list_add_tail(&prv->elem, &lapwing_instances);
    spin_unlock(&lapwing_instances_lock);

    return 0;
}

static void cf_check lapwing_deinit(struct scheduler *ops)
{
    struct lapwing_private *prv = lapwing_priv(ops);

    if ( !prv )
        return;

    ASSERT(list_empty(&prv->runq) && list_empty(&prv->doms));
    ASSERT(cpumask_empty(&prv->cpus));

    spin_lock(&lapwing_instances_lock);
    list_del(&prv->elem);
    spin_unlock(&lapwing_instances_lock);

    kill_timer(&prv->kick);
    kill_timer(&prv->refill);
    ops->sched_data = NULL;
    xfree(prv);
}

static void *cf_check lapwing_alloc_pdata(const struct scheduler *ops, int cpu)
{
    struct lapwing_pcpu *pc = xzalloc(struct lapwing_pcpu);

    if ( !pc )
        return ERR_PTR(-ENOMEM);
    pc->cpu = cpu;

    return pc;
}

static void cf_check lapwing_free_pdata(const struct scheduler *ops,
                                        void *pdata, int cpu)
{
    xfree(pdata);
}

static spinlock_t *cf_check lapwing_switch_sched(struct scheduler *ops,
                                                 unsigned int cpu, void *pdata,
                                                 void *vdata)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_pcpu *pc = pdata;
    struct lapwing_unit *lu = vdata;

    ASSERT(pc && lu && is_idle_unit(lu->unit));
    ASSERT(get_sched_res(cpu)->schedule_lock != &prv->lock);

    idle_vcpu[cpu]->sched_unit->priv = vdata;

    spin_lock(&prv->lock);
    ASSERT(!prv->pcpu[cpu]);
    pc->idle = true;
    pc->idle_since = NOW();
    prv->pcpu[cpu] = pc;
    __cpumask_set_cpu(cpu, &prv->cpus);
    __cpumask_set_cpu(cpu, &prv->idle);
    lapwing_rebuild(prv);
    spin_unlock(&prv->lock);

    return &prv->lock;
}

static void cf_check lapwing_deinit_pdata(const struct scheduler *ops,
                                          void *pdata, int cpu)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_pcpu *pc = pdata;
    unsigned long flags;

    spin_lock_irqsave(&prv->lock, flags);

    /* Nothing to do if the CPU never got as far as switch_sched(). */
    if ( pc && prv->pcpu[cpu] == pc )
    {
        ASSERT(!pc->curr && !pc->next);
        prv->pcpu[cpu] = NULL;
        __cpumask_clear_cpu(cpu, &prv->cpus);
        __cpumask_clear_cpu(cpu, &prv->idle);
        __cpumask_clear_cpu(cpu, &prv->tickled);
        lapwing_rebuild(prv);
    }

    spin_unlock_irqrestore(&prv->lock, flags);
}

static void *cf_check lapwing_alloc_udata(const struct scheduler *ops,
                                          struct sched_unit *unit, void *dd)
{
    struct lapwing_unit *lu = xzalloc(struct lapwing_unit);
    struct lapwing_dom *ld = dd;

    if ( !lu )
        return NULL;

    INIT_LIST_HEAD(&lu->elem);
    lu->unit = unit;
    lu->dom = ld;
    lu->target = nr_cpu_ids;
    lu->win_start = lu->slept_at = NOW();
    lapwing_set_weight(lu, ld ? ld->weight : LAPWING_WEIGHT_DEFAULT);

    return lu;
}

static void cf_check lapwing_free_udata(const struct scheduler *ops,
                                        void *priv)
{
    const struct lapwing_unit *lu = priv;

    ASSERT(!lu || list_empty(&lu->elem));
    xfree(priv);
}

static void *cf_check lapwing_alloc_domdata(const struct scheduler *ops,
                                            struct domain *d)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_dom *ld = xzalloc(struct lapwing_dom);
    unsigned long flags;

    if ( !ld )
        return ERR_PTR(-ENOMEM);

    INIT_LIST_HEAD(&ld->parked);
    ld->domain = d;
    ld->weight = LAPWING_WEIGHT_DEFAULT;

    spin_lock_irqsave(&prv->lock, flags);
    list_add_tail(&ld->elem, &prv->doms);
    spin_unlock_irqrestore(&prv->lock, flags);

    return ld;
}

static void cf_check lapwing_free_domdata(const struct scheduler *ops,
                                          void *data)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_dom *ld = data;
    unsigned long flags;

    if ( !ld )
        return;

    spin_lock_irqsave(&prv->lock, flags);
    ASSERT(list_empty(&ld->parked) && !ld->running);
    lapwing_set_cap(prv, ld, 0);
    list_del(&ld->elem);
    spin_unlock_irqrestore(&prv->lock, flags);

    xfree(ld);
}

static void cf_check lapwing_insert_unit(const struct scheduler *ops,
                                         struct sched_unit *unit)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_unit *lu = lapwing_unit(unit);
    spinlock_t *lock;

    ASSERT(!is_idle_unit(unit));

    lock = unit_schedule_lock_irq(unit);
    ASSERT(lock == &prv->lock);
    lu->vtime = prv->vtime;
    sched_set_res(unit, lapwing_pick_resource(ops, unit));
    unit_schedule_unlock_irq(lock, unit);

    SCHED_STAT_CRANK(unit_insert);
}

static void cf_check lapwing_remove_unit(const struct scheduler *ops,
                                         struct sched_unit *unit)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_unit *lu = lapwing_unit(unit);
    spinlock_t *lock;

    ASSERT(!is_idle_unit(unit));
    SCHED_STAT_CRANK(unit_remove);

    lock = unit_schedule_lock_irq(unit);
    lapwing_dequeue(prv, lu);
    lu->flags &= ~LAPWING_REQUEUE;
    unit_schedule_unlock_irq(lock, unit);
}

static int cf_check lapwing_adjust(const struct scheduler *ops,
                                   struct domain *d,
                                   struct xen_domctl_scheduler_op *op)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct lapwing_dom *ld = d->sched_priv;
    struct sched_unit *unit;
    unsigned long flags;
    int rc = 0;

    spin_lock_irqsave(&prv->lock, flags);

    switch ( op->cmd )
    {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit2.weight = ld->weight;
        op->u.credit2.cap = ld->cap;
        break;

    case XEN_DOMCTL_SCHEDOP_putinfo:
        if ( op->u.credit2.weight )
        {
            ld->weight = op->u.credit2.weight;
            for_each_sched_unit ( d, unit )
                lapwing_set_weight(lapwing_unit(unit), ld->weight);
        }
        lapwing_set_cap(prv, ld, op->u.credit2.cap);
        break;

    default:
        rc = -EINVAL;
        break;
    }

    spin_unlock_irqrestore(&prv->lock, flags);

    return rc;
}

static int cf_check lapwing_adjust_global(const struct scheduler *ops,
                                          struct xen_sysctl_scheduler_op *sc)
{
    struct lapwing_private *prv = lapwing_priv(ops);
    struct xen_sysctl_credit2_schedule *params = &sc->u.sched_credit2;
    unsigned long flags;

    switch ( sc->cmd )
    {
    case XEN_SYSCTL_SCHEDOP_putinfo:
        if ( params->ratelimit_us &&
             (params->ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX ||
              params->ratelimit_us < XEN_SYSCTL_SCHED_RATELIMIT_MIN) )
            return -EINVAL;
        spin_lock_irqsave(&prv->lock, flags);
        prv->ratelimit = params->ratelimit_us;
        spin_unlock_irqrestore(&prv->lock, flags);
        /* fallthrough */
    case XEN_SYSCTL_SCHEDOP_getinfo:
        params->ratelimit_us = prv->ratelimit;
        return 0;
    }

    return -EINVAL;
}

static void cf_check lapwing_move_timers(const struct scheduler *ops,
                                         struct sched_resource *sr)
{
    /* The timers follow the CPUs that arm them; nothing belongs to one CPU. */
}

static const struct scheduler sched_lapwing_def = {
    .name           = "Lapwing Power-Aware Scheduler",
    .opt_name       = "lapwing",
    /* The tool stack refuses ids it does not know, so this is credit2's. */
    .sched_id       = XEN_SCHEDULER_CREDIT2,

    .init           = lapwing_init,
    .deinit         = lapwing_deinit,
    .alloc_pdata    = lapwing_alloc_pdata,
    .free_pdata     = lapwing_free_pdata,
    .deinit_pdata   = lapwing_deinit_pdata,
    .switch_sched   = lapwing_switch_sched,
    .alloc_domdata  = lapwing_alloc_domdata,
    .free_domdata   = lapwing_free_domdata,
    .alloc_udata    = lapwing_alloc_udata,
    .free_udata     = lapwing_free_udata,
    .insert_unit    = lapwing_insert_unit,
    .remove_unit    = lapwing_remove_unit,

    .sleep          = lapwing_sleep,
    .wake           = lapwing_wake,
    .yield          = lapwing_yield,
    .context_saved  = lapwing_context_saved,
    .do_schedule    = lapwing_schedule,
    .pick_resource  = lapwing_pick_resource,
    .migrate        = lapwing_migrate,

    .adjust         = lapwing_adjust,
    .adjust_global  = lapwing_adjust_global,
    .dump_settings  = lapwing_dump,
    .dump_cpu_state = lapwing_dump_cpu,
    .move_timers    = lapwing_move_timers,
};

REGISTER_SCHEDULER(sched_lapwing_def);
