/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void fill(struct lapwing_status *status, const struct stat *from)
{
    status->device = from->st_dev;
    status->inode = from->st_ino;
    status->links = from->st_nlink;
    status->mode = from->st_mode;
    status->uid = from->st_uid;
    status->gid = from->st_gid;
    status->size = from->st_size;
    status->allocated = (int64_t)from->st_blocks * 512;
    status->mtime_ns = (int64_t)from->st_mtim.tv_sec * 1000000000 + from->st_mtim.tv_nsec;
    status->ctime_ns = (int64_t)from->st_ctim.tv_sec * 1000000000 + from->st_ctim.tv_nsec;
}

int lapwing_lstat(const char *path, struct lapwing_status *status)
{
    struct stat found;

    if (lstat(path, &found) != 0)
        return -errno;
    fill(status, &found);
    return 0;
}

int lapwing_fstat(int fd, struct lapwing_status *status)
{
    struct stat found;

    if (fstat(fd, &found) != 0)
        return -errno;
    fill(status, &found);
    return 0;
}

int lapwing_list(const char *path, void *state, void (*body)(void *state, const char *name, unsigned long length))
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int failure;

    if (directory == NULL)
        return -errno;
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            body(state, entry->d_name, strlen(entry->d_name));
    }
    failure = errno;
    closedir(directory);
    return -failure;
}

/* Works with descriptors alone, so that a link put in place of a directory meanwhile is never followed. */
static int remove_at(int parent, const char *name, dev_t device)
{
    struct stat status;
    struct dirent *entry;
    DIR *directory;
    int fd, result = 0;

    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISDIR(status.st_mode))
        return unlinkat(parent, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
    if (device != 0 && status.st_dev != device)
        return -EXDEV;
    if ((status.st_mode & 0700) != 0700)
        (void)fchmodat(parent, name, 0700, 0);
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    directory = fdopendir(fd);
    if (directory == NULL) {
        result = -errno;
        close(fd);
        return result;
    }
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        int failure;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        failure = remove_at(fd, entry->d_name, status.st_dev);
        if (failure != 0)
            result = failure;
    }
    closedir(directory);
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT && result == 0)
        result = -errno;
    return result;
}

int lapwing_remove_tree(const char *path)
{
    return remove_at(AT_FDCWD, path, 0);
}

int lapwing_link(const char *from, const char *to)
{
    return link(from, to) == 0 ? 0 : -errno;
}

int lapwing_chmod(const char *path, uint32_t mode)
{
    return chmod(path, mode) == 0 ? 0 : -errno;
}

int lapwing_touch(const char *path)
{
    return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

long lapwing_readlink(const char *path, char *buffer, unsigned long size)
{
    ssize_t length = readlink(path, buffer, size);

    return length < 0 ? -errno : length;
}

int lapwing_lock(int fd, int exclusive, int wait)
{
    int result;

    do
        result = flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB));
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

static int copy_range(int in, int out, off_t start, off_t end)
{
    off_t from = start, to = start;
    static __thread char buffer[1 << 16];

    while (from < end) {
        ssize_t done = copy_file_range(in, &from, out, &to, (size_t)(end - from), 0);

        if (done > 0)
            continue;
        if (done == 0)
            return -EIO; /* shorter than it was */
        if (errno == EINTR)
            continue;
        if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
            return -errno;
        break;
    }
    while (from < end) {
        size_t want = (size_t)(end - from) < sizeof buffer ? (size_t)(end - from) : sizeof buffer;
        ssize_t got = pread(in, buffer, want, from), put, done = 0;

        if (got == 0)
            return -EIO;
        if (got < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        while (done < got) {
            put = pwrite(out, buffer + done, (size_t)(got - done), from + done);
            if (put < 0 && errno != EINTR)
                return -errno;
            if (put > 0)
                done += put;
        }
        from += got;
    }
    return 0;
}

int lapwing_copy_sparse(int in, int out)
{
    struct stat status;
    off_t data = 0;

    if (fstat(in, &status) != 0)
        return -errno;
    if (ftruncate(out, status.st_size) != 0)
        return -errno;
    while (data < status.st_size) {
        off_t hole;
        int result;

        data = lseek(in, data, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO ? 0 : -errno;
        hole = lseek(in, data, SEEK_HOLE);
        if (hole < 0)
            return -errno;
        result = copy_range(in, out, data, hole);
        if (result != 0)
            return result;
        data = hole;
    }
    return 0;
}

int64_t lapwing_free_bytes(const char *path)
{
    struct statvfs status;

    if (statvfs(path, &status) != 0)
        return -errno;
    return (int64_t)status.f_bavail * (int64_t)status.f_frsize;
}

void lapwing_usage(int children, struct lapwing_usage *usage)
{
    struct rusage found;

    memset(&found, 0, sizeof found);
    getrusage(children ? RUSAGE_CHILDREN : RUSAGE_SELF, &found);
    usage->user_seconds = (double)found.ru_utime.tv_sec + (double)found.ru_utime.tv_usec / 1e6;
    usage->system_seconds = (double)found.ru_stime.tv_sec + (double)found.ru_stime.tv_usec / 1e6;
    usage->peak_bytes = (int64_t)found.ru_maxrss * 1024;
}

static int interrupt_pipe = -1;

static void interrupted(int number)
{
    int saved = errno;

    (void)number;
    (void)!write(interrupt_pipe, "", 1);
    errno = saved;
}

int lapwing_catch_interrupts(void)
{
    int ends[2];
    struct sigaction action;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -errno;
    interrupt_pipe = ends[1];
    memset(&action, 0, sizeof action);
    action.sa_handler = interrupted;
    action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    return ends[0];
}

int lapwing_user_id(void)
{
    return (int)geteuid();
}
