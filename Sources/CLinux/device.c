/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int address(struct sockaddr_un *to, const char *path, socklen_t *length)
{
    size_t count = strlen(path);

    memset(to, 0, sizeof *to);
    to->sun_family = AF_UNIX;
    if (count == 0 || count >= sizeof to->sun_path)
        return -ENAMETOOLONG;
    memcpy(to->sun_path, path, count);
    if (path[0] == '@')
        to->sun_path[0] = 0;
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + count + (path[0] == '@' ? 0 : 1));
    return 0;
}

int lapwing_socket_connect(const char *path, int seconds)
{
    struct sockaddr_un to;
    struct timeval limit = { .tv_sec = seconds };
    socklen_t length;
    int error = address(&to, path, &length);
    int fd;

    if (error)
        return error;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0
        || connect(fd, (struct sockaddr *)&to, length) != 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int lapwing_socket_listen(const char *path, unsigned int mode, int group)
{
    struct sockaddr_un to;
    socklen_t length;
    int error = address(&to, path, &length);
    int fd, probe;
    mode_t before;

    if (error)
        return error;
    probe = lapwing_socket_connect(path, 1);
    if (probe >= 0) {
        close(probe);
        return -EADDRINUSE;
    }
    if (probe == -ECONNREFUSED && unlink(path) != 0)
        return -errno;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    before = umask(0177);
    error = bind(fd, (struct sockaddr *)&to, length) != 0 ? -errno : 0;
    umask(before);
    if (!error && group >= 0 && lchown(path, (uid_t)-1, (gid_t)group) != 0)
        error = -errno;
    if (!error && chmod(path, mode) != 0)
        error = -errno;
    if (!error && listen(fd, 16) != 0)
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

int lapwing_socket_notify(const char *path, const void *bytes, size_t count)
{
    struct sockaddr_un to;
    socklen_t length;
    int error = address(&to, path, &length);
    int fd;

    if (error)
        return error;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (sendto(fd, bytes, count, MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0)
        error = -errno;
    close(fd);
    return error;
}

int lapwing_socket_accept(int fd)
{
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return peer < 0 ? -errno : peer;
}

long long lapwing_socket_peer_user(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ? -errno : (long long)peer.uid;
}

long lapwing_socket_receive(int fd, void *buffer, size_t count)
{
    ssize_t got;

    do
        got = recv(fd, buffer, count, 0);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

long lapwing_socket_send(int fd, const void *buffer, size_t count)
{
    ssize_t sent;

    do
        sent = send(fd, buffer, count, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

static volatile int stop_descriptor = -1;

static void stop_handler(int number)
{
    int before = errno;
    unsigned long long one = 1;

    (void)number;
    /* A full counter is readable already, so a failure here loses nothing. */
    if (write(stop_descriptor, &one, sizeof one) < 0)
        errno = 0;
    errno = before;
}

int lapwing_stop_descriptor(void)
{
    struct sigaction action = { .sa_handler = stop_handler, .sa_flags = SA_RESTART };
    int numbers[] = { SIGTERM, SIGINT, SIGHUP };

    stop_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_descriptor < 0)
        return -errno;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], &action, NULL) != 0)
            return -errno;
    return stop_descriptor;
}

long lapwing_group_id(const char *name)
{
    struct group entry, *found = NULL;
    size_t size = 1024;
    long result = -ENOMEM;

    while (size <= 1 << 20) {
        char *buffer = malloc(size);
        int error;

        if (!buffer)
            return -ENOMEM;
        error = getgrnam_r(name, &entry, buffer, size, &found);
        if (!error)
            result = found ? (long)entry.gr_gid : -ENOENT;
        else
            result = -error;
        free(buffer);
        if (error != ERANGE)
            return result;
        size *= 4;
    }
    return result;
}

int lapwing_chown(const char *path, unsigned int uid, unsigned int gid)
{
    return lchown(path, uid, gid) != 0 ? -errno : 0;
}

_Static_assert(sizeof(struct termios) <= sizeof(struct lapwing_terminal_state), "the state holds a termios");

int lapwing_terminal_hide(int fd, struct lapwing_terminal_state *state)
{
    struct termios now;

    if (tcgetattr(fd, &now) != 0)
        return -errno;
    memcpy(state->bytes, &now, sizeof now);
    now.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    now.c_lflag |= ICANON | ECHONL;
    now.c_iflag |= ICRNL;
    return tcsetattr(fd, TCSAFLUSH, &now) != 0 ? -errno : 0;
}

int lapwing_terminal_restore(int fd, const struct lapwing_terminal_state *state)
{
    struct termios before;

    memcpy(&before, state->bytes, sizeof before);
    return tcsetattr(fd, TCSAFLUSH, &before) != 0 ? -errno : 0;
}

void lapwing_erase(void *memory, size_t count)
{
    explicit_bzero(memory, count);
}

int lapwing_exec(const char *path, char *const arguments[])
{
    execv(path, arguments);
    return -errno;
}
