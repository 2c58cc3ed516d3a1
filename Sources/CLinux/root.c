/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_in(int root, const char *path, unsigned long long flags)
{
    struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    long fd;

    /* openat2(2): EAGAIN when something was renamed or mounted anywhere while ".." was resolved, as links of sysfs
     * need; the caller is to try again. A bound, so that nobody who renames all the time can hold us for ever. */
    for (int tries = 0; tries < 10000; tries++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

int lapwing_root_open(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int lapwing_root_read(int root, const char *path, void *buffer, size_t count)
{
    struct stat status;
    size_t filled = 0;
    int fd = open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    while (filled < count) {
        ssize_t got = read(fd, (char *)buffer + filled, count - filled);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && filled == 0) {
            int error = -errno;

            close(fd);
            return error;
        }
        /* A device that goes away in the middle leaves what was read before. */
        if (got <= 0)
            break;
        filled += (size_t)got;
    }
    close(fd);
    return (int)filled;
}

int lapwing_root_list(int root, const char *path, void *state,
                      void (*body)(void *state, const char *name, unsigned long length))
{
    int fd = open_in(root, path, O_RDONLY | O_DIRECTORY);
    struct dirent *entry;
    DIR *directory;

    if (fd < 0)
        return fd;
    directory = fdopendir(fd);
    if (!directory) {
        int error = -errno;

        close(fd);
        return error;
    }
    errno = 0;
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            body(state, entry->d_name, strlen(entry->d_name));
        errno = 0;
    }
    fd = errno;
    closedir(directory);
    return -fd;
}

long lapwing_root_link(int root, const char *path, char *buffer, size_t size)
{
    int fd = open_in(root, path, O_PATH | O_NOFOLLOW);
    ssize_t length;

    if (fd < 0)
        return fd;
    length = readlinkat(fd, "", buffer, size);
    if (length < 0)
        length = -errno;
    close(fd);
    return length;
}

int lapwing_root_kind(int root, const char *path)
{
    struct stat status;
    int fd = open_in(root, path, O_PATH);

    if (fd < 0)
        return 0;
    if (fstat(fd, &status) != 0)
        status.st_mode = 0;
    close(fd);
    return S_ISREG(status.st_mode) ? 1 : S_ISDIR(status.st_mode) ? 2 : 3;
}
