/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <linux/input.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif

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

int lapwing_guest_lid(int fd)
{
    unsigned char has[SW_MAX / 8 + 1] = {0}, state[SW_MAX / 8 + 1] = {0};
    if (ioctl(fd, EVIOCGBIT(EV_SW, sizeof has), has) < 0)
        return -errno;
    if (!(has[SW_LID / 8] >> SW_LID % 8 & 1))
        return -ENODEV;
    if (ioctl(fd, EVIOCGSW(sizeof state), state) < 0)
        return -errno;
    return state[SW_LID / 8] >> SW_LID % 8 & 1;
}

#if defined(__x86_64__)
/* The window, and the event registers with their neighbours; an access may reach three bytes further. */
static int permit(int on)
{
    return ioperm(0xA000, 0x10 + 3, on) != 0 || ioperm(0xAFE0, 8, on) != 0 ? -errno : 0;
}

static void access_port(unsigned short port, unsigned int kind, unsigned int value)
{
    switch (kind) {
    case 0: inb(port); break;
    case 1: inw(port); break;
    case 2: inl(port); break;
    case 3: outb(value, port); break;
    case 4: outw(value, port); break;
    default: outl(value, port); break;
    }
}

long long lapwing_guest_hammer(unsigned int seconds, unsigned long long seed)
{
    struct timespec now, begin;
    long long count = 0;
    int code = permit(1);
    if (code != 0)
        return code;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        for (int turn = 0; turn < 32; turn++, count++) {
            /* SplitMix64. */
            unsigned long long word = seed += 0x9e3779b97f4a7c15;
            word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
            word = (word ^ word >> 27) * 0x94d049bb133111eb;
            word ^= word >> 31;
            /* One in four for the events. */
            unsigned short port = word & 3 ? 0xA000 + (word >> 4 & 15) : 0xAFE1 + (word >> 4 & 2);
            access_port(port, (word >> 8 & 0xFF) % 6, word >> 32);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < (time_t)seconds);
    permit(0);
    return count;
}
#else
long long lapwing_guest_hammer(unsigned int seconds, unsigned long long seed)
{
    (void)seconds;
    (void)seed;
    return -ENOSYS;
}
#endif
