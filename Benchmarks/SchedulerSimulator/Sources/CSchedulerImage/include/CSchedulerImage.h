/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loaded image of Xen's schedulers as a table of functions. dlopen and dlsym give untyped pointers, and Swift cannot
 * name the types of api.h's functions without C declarations: this shim is those declarations.
 */
#ifndef C_SCHEDULER_IMAGE_H
#define C_SCHEDULER_IMAGE_H

#include "../../../Harness/api.h"

struct scheduler_image {
    void *handle;
    int descriptor;
    struct sim_state *state;
    int (*parameter_set)(const char *, const char *);
    int (*parameter_get)(const char *, char *, uint32_t);
    int (*parameters)(char *, uint32_t);
    int (*boot)(const struct sim_topology *, uint32_t, uint32_t, int, int);
    const char *(*scheduler)(void);
    void (*time)(int64_t, uint32_t);
    int (*domain_create)(uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
    int (*domain_destroy)(uint32_t);
    int (*domain_adjust)(uint32_t, uint32_t, uint32_t);
    int (*domain_pause)(uint32_t, int);
    int (*domain_pool)(uint32_t, uint32_t);
    int (*vcpu_affinity)(uint32_t, uint32_t, uint64_t, uint64_t);
    int (*vcpu_online)(uint32_t, uint32_t, int);
    int (*vcpu_processor)(uint32_t, uint32_t);
    int64_t (*vcpu_runtime)(uint32_t, uint32_t, uint32_t);
    int (*wake)(uint32_t, uint32_t);
    int (*block)(void);
    int (*yield)(void);
    int (*guest_timer)(uint32_t, uint32_t, int64_t);
    int (*softirqs)(void);
    int (*timer_interrupt)(void);
    int (*pool_create)(uint32_t, const char *);
    int (*pool_add)(uint32_t, uint32_t);
    int (*pool_remove)(uint32_t, uint32_t);
    int (*check)(void);
    int (*dump)(void);
};

/* Opens a private copy of the shared object, so that each machine has its own variables. Returns NULL or an error. */
const char *scheduler_image_open(const char *path, struct scheduler_image *image);
void scheduler_image_close(struct scheduler_image *image);

static inline struct sim_cpu *scheduler_image_cpu(struct sim_state *s, uint32_t cpu) { return &s->cpu[cpu]; }
static inline struct sim_fired scheduler_image_fired(struct sim_state *s, uint32_t i) { return s->fired_list[i]; }
static inline struct sim_record *scheduler_image_record(struct sim_state *s, uint32_t i) { return &s->record[i]; }
static inline uint32_t scheduler_image_word(const struct sim_record *r, uint32_t i) { return r->data[i]; }
static inline const char *scheduler_image_log(struct sim_state *s) { return s->log; }

#endif
