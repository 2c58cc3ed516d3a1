/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CSchedulerImage.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *load(const char *path, struct scheduler_image *image)
{
    static __thread char problem[512];
    char name[64];
    struct stat info;
    off_t offset = 0;
    struct sim_state *(*state)(void);
    int from, copy;

    memset(image, 0, sizeof(*image));
    /* The loader shares what has one inode, so each machine gets an inode of its own, in memory. */
    from = open(path, O_RDONLY | O_CLOEXEC);
    copy = from < 0 ? -1 : memfd_create("scheduler-image", MFD_CLOEXEC);
    if ( copy < 0 || fstat(from, &info) )
    {
        snprintf(problem, sizeof(problem), "%s: %s", path, strerror(errno));
        if ( from >= 0 )
            close(from);
        return problem;
    }
    while ( offset < info.st_size && sendfile(copy, from, &offset, info.st_size - offset) > 0 )
        ;
    close(from);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
    image->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    /* The loader knows what it has by name too: the number stays taken until the image is closed. */
    image->descriptor = copy;
    if ( !image->handle )
    {
        snprintf(problem, sizeof(problem), "%s", dlerror());
        return problem;
    }
#define SYMBOL(field) do { \
        *(void **)&image->field = dlsym(image->handle, "sim_" #field); \
        if ( !image->field ) { snprintf(problem, sizeof(problem), "%s has no sim_" #field, path); return problem; } \
    } while ( 0 )
    *(void **)&state = dlsym(image->handle, "sim_state");
    if ( !state )
        return "no sim_state";
    image->state = state();
    SYMBOL(parameter_set); SYMBOL(parameter_get); SYMBOL(parameters); SYMBOL(boot); SYMBOL(scheduler); SYMBOL(time);
    SYMBOL(domain_create); SYMBOL(domain_destroy); SYMBOL(domain_adjust); SYMBOL(domain_pause); SYMBOL(domain_pool);
    SYMBOL(vcpu_affinity); SYMBOL(vcpu_online); SYMBOL(vcpu_processor); SYMBOL(vcpu_runtime);
    SYMBOL(wake); SYMBOL(block); SYMBOL(yield); SYMBOL(guest_timer); SYMBOL(softirqs); SYMBOL(timer_interrupt);
    SYMBOL(pool_create); SYMBOL(pool_add); SYMBOL(pool_remove); SYMBOL(check); SYMBOL(dump);
    return NULL;
}

const char *scheduler_image_open(const char *path, struct scheduler_image *image)
{
    const char *problem = load(path, image);

    if ( problem )
        scheduler_image_close(image);
    return problem;
}

void scheduler_image_close(struct scheduler_image *image)
{
    if ( image->handle )
        dlclose(image->handle);
    if ( image->descriptor > 0 )
        close(image->descriptor);
    memset(image, 0, sizeof(*image));
}
