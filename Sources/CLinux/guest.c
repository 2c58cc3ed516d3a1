/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

/* MODULE_INIT_COMPRESSED_FILE (Linux 5.17, include/uapi/linux/module.h); the build host's headers may be older. */
#define COMPRESSED_FILE 4

int lapwing_load_module(int fd, int compressed)
{
    return syscall(SYS_finit_module, fd, "", compressed ? COMPRESSED_FILE : 0) == 0 ? 0 : -errno;
}

int lapwing_end_system(int restart)
{
    return reboot(restart ? RB_AUTOBOOT : RB_POWER_OFF) == 0 ? 0 : -errno;
}
