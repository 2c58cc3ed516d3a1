/* SPDX-License-Identifier: GPL-2.0-only */
/* What is scheduled: domains, virtual CPUs, scheduling units, and the calls of the core for them. Included by harness.h only, after what it needs. */
#ifndef LAPWING_HARNESS_DOMAIN_H
#define LAPWING_HARNESS_DOMAIN_H

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

#endif
