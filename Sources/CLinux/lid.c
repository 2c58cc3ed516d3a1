/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "lid.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_BITS (8 * sizeof(unsigned long))

/* The switches' bits, as the kernel keeps them: words of a long each. */
struct switches {
    unsigned long words[(SW_MAX + WORD_BITS) / WORD_BITS];
};

static int has_lid(const struct switches *switches)
{
    return switches->words[SW_LID / WORD_BITS] >> SW_LID % WORD_BITS & 1;
}

int lapwing_lid_open(const char *path)
{
    struct switches switches = { { 0 } };
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW), error = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) != 0)
        error = -errno;
    else if (!S_ISCHR(status.st_mode))
        error = -ENODEV;
    else if (ioctl(fd, EVIOCGBIT(EV_SW, sizeof switches), &switches) < 0)
        error = -errno;
    else if (!has_lid(&switches))
        error = -ENODEV;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

int lapwing_lid_state(int fd)
{
    struct switches switches = { { 0 } };

    return ioctl(fd, EVIOCGSW(sizeof switches), &switches) < 0 ? -errno : has_lid(&switches);
}

int lapwing_lid_drain(int fd)
{
    struct input_event events[32];
    int moved = 0;

    for (int round = 0; round < 64; round++) {
        ssize_t got = read(fd, events, sizeof events);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? moved : -errno;
        if (got == 0)
            return -ENODEV;
        for (size_t i = 0; i < (size_t)got / sizeof *events; i++)
            if ((events[i].type == EV_SW && events[i].code == SW_LID)
                || (events[i].type == EV_SYN && events[i].code == SYN_DROPPED))
                moved = 1;
    }
    return moved;
}
