/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulator calls. One image of the shared object is one machine: to run another, open another copy.
 * Every call that can fail returns a negative error number; after -70 the machine has died (a BUG or ASSERT of Xen's
 * code) and sim_state()->log says of what.
 */
#ifndef LAPWING_SIMULATOR_API_H
#define LAPWING_SIMULATOR_API_H

#include <stdint.h>

#define SIM_MAX_CPUS 64
#define SIM_DIED (-70)

struct sim_topology { uint32_t core, package; };

struct sim_cpu {
    uint32_t pending;           /* softirqs raised and not yet handled */
    int32_t domain, vcpu;       /* what runs; domain is -1 when idle */
    int32_t urgent;             /* Xen's count of vCPUs that forbid deep idle states */
    int64_t deadline;           /* of the earliest timer as last programmed; INT64_MAX when none */
};

struct sim_fired { int32_t domain, vcpu; };
struct sim_record { int64_t time; uint32_t cpu, event, words; uint32_t data[7]; };

struct sim_state {
    uint64_t dirty;             /* CPUs whose sim_cpu changed since the simulator last cleared this */
    struct sim_cpu cpu[SIM_MAX_CPUS];
    uint32_t fired;             /* guest timers that went off in the last call */
    uint32_t records;           /* trace records made since the simulator last cleared this */
    uint32_t log_length;
    uint64_t schedule_calls, schedule_nanoseconds, wake_calls, wake_nanoseconds;
    struct sim_fired fired_list[256];
    struct sim_record record[4096];
    char log[16384];
};

struct sim_state *sim_state(void);
/* Boot parameters are set before sim_boot; runtime parameters after it. Returns Xen's error. */
int sim_parameter_set(const char *name, const char *value);
/* Writes the current value as text; returns its length or an error. */
int sim_parameter_get(const char *name, char *value, uint32_t size);
/* Names of all parameters, one a line, `r` before those that can be set at run time. */
int sim_parameters(char *text, uint32_t size);
int sim_boot(const struct sim_topology *cpus, uint32_t count, uint32_t seed, int trace, int measure);
const char *sim_scheduler(void);
void sim_time(int64_t now, uint32_t cpu);

int sim_domain_create(uint32_t domain, uint32_t vcpus, uint32_t weight, uint32_t cap, uint32_t pool);
int sim_domain_destroy(uint32_t domain);
int sim_domain_adjust(uint32_t domain, uint32_t weight, uint32_t cap);
int sim_domain_pause(uint32_t domain, int pause);
int sim_domain_pool(uint32_t domain, uint32_t pool);
int sim_vcpu_affinity(uint32_t domain, uint32_t vcpu, uint64_t hard, uint64_t soft);
int sim_vcpu_online(uint32_t domain, uint32_t vcpu, int online);
int sim_vcpu_processor(uint32_t domain, uint32_t vcpu);
int64_t sim_vcpu_runtime(uint32_t domain, uint32_t vcpu, uint32_t state);

int sim_wake(uint32_t domain, uint32_t vcpu);
int sim_block(void);
int sim_yield(void);
int sim_guest_timer(uint32_t domain, uint32_t vcpu, int64_t when);
/* Handles the softirqs of the current CPU: expired timers, then the scheduler. */
int sim_softirqs(void);
int sim_timer_interrupt(void);

int sim_pool_create(uint32_t pool, const char *scheduler);
int sim_pool_add(uint32_t pool, uint32_t cpu);
int sim_pool_remove(uint32_t pool, uint32_t cpu);
/* -EIO when Xen's structures contradict each other; the console says how. */
int sim_check(void);
int sim_dump(void);
#endif
