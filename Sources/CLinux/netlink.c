/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel's own messages; group 2 is udev's. */
#define KERNEL_GROUP 1

/* A message begins with its action. Words are big-endian to the filter. */
#define WORD(a, b, c, d) ((unsigned)(a) << 24 | (unsigned)(b) << 16 | (unsigned)(c) << 8 | (unsigned)(d))

/* How many words of a change's first line are looked at: a path to a power supply is far shorter, and the kernel charges
 * a filter to the socket's memory (net.core.optmem_max, 20 KiB before Linux 6.7). */
#define WORDS 100
#define FIRST 6
#define STEP 6

int lapwing_uevent_filter(int fd)
{
    struct sock_filter code[FIRST + WORDS * STEP + 1] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('a', 'd', 'd', '@'), 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('r', 'e', 'm', 'o'), 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('c', 'h', 'a', 'n'), 2, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };

    /* A change's path holds "power_supply" at a place that nobody knows: one of four words of it stands at an offset that
     * four divides. A load past the end drops the message. */
    for (unsigned i = 0; i < WORDS; i++) {
        struct sock_filter step[STEP] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4 + 4 * i),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('r', '_', 's', 'u'), 3, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('_', 's', 'u', 'p'), 2, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('s', 'u', 'p', 'p'), 1, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('u', 'p', 'p', 'l'), 0, 1),
            BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
        };

        memcpy(code + FIRST + i * STEP, step, sizeof step);
    }
    code[FIRST + WORDS * STEP] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0 ? -errno : 0;
}

int lapwing_netlink_generic(int seconds)
{
    struct timeval limit = { .tv_sec = seconds };
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0
        || connect(fd, (struct sockaddr *)&kernel, sizeof kernel) != 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}

int lapwing_uevent_open(void)
{
    struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
    int on = 1, room = 1 << 20;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

    if (fd < 0)
        return -errno;
    /* The room is a wish: the kernel cuts it to net.core.rmem_max. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (lapwing_uevent_filter(fd) != 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0
        || bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}

long lapwing_uevent_receive(int fd, void *buffer, size_t size)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec into = { .iov_base = buffer, .iov_len = size };
    struct sockaddr_nl from;
    struct msghdr message = {
        .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &into, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    struct cmsghdr *part;
    struct ucred sender;
    ssize_t got;

    memset(&from, 0, sizeof from);
    do
        got = recvmsg(fd, &message, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    if (message.msg_namelen != sizeof from || from.nl_family != AF_NETLINK || from.nl_pid != 0
        || from.nl_groups != KERNEL_GROUP)
        return 0;
    part = CMSG_FIRSTHDR(&message);
    if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS
        || part->cmsg_len != CMSG_LEN(sizeof sender))
        return 0;
    memcpy(&sender, CMSG_DATA(part), sizeof sender);
    if (sender.uid != 0)
        return 0;
    return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : got;
}
