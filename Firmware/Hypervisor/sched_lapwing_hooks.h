/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lapwing: the hooks of the hot path and the timers, for the registration.
 */
#ifndef XEN_SCHED_LAPWING_HOOKS_H
#define XEN_SCHED_LAPWING_HOOKS_H

#include "sched_lapwing.h"

void cf_check lapwing_kick_fn(void *data);
void cf_check lapwing_refill_fn(void *data);
void cf_check lapwing_wake(const struct scheduler *ops,
                           struct sched_unit *unit);
void cf_check lapwing_sleep(const struct scheduler *ops,
                            struct sched_unit *unit);
void cf_check lapwing_yield(const struct scheduler *ops,
                            struct sched_unit *unit);
void cf_check lapwing_context_saved(const struct scheduler *ops,
                                    struct sched_unit *unit);
struct sched_resource *cf_check lapwing_pick_resource(
    const struct scheduler *ops, const struct sched_unit *unit);
void cf_check lapwing_migrate(const struct scheduler *ops,
                              struct sched_unit *unit, unsigned int new_cpu);
void cf_check lapwing_schedule(const struct scheduler *ops,
                               struct sched_unit *currunit, s_time_t now,
                               bool tasklet);

#endif /* XEN_SCHED_LAPWING_HOOKS_H */
