/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

long long lapwing_copy_range(int from, long long offset, int to, unsigned long long count)
{
    loff_t position = offset;
    ssize_t copied;

    do
        copied = copy_file_range(from, &position, to, NULL, count, 0);
    while (copied < 0 && errno == EINTR);
    return copied < 0 ? -errno : copied;
}

static int result(int value)
{
    return value < 0 ? -errno : 0;
}

int lapwing_symlink(const char *target, const char *path)
{
    return result(symlink(target, path));
}

int lapwing_make_node(const char *path, unsigned int mode, unsigned int major, unsigned int minor)
{
    return result(mknod(path, mode, makedev(major, minor)));
}

int lapwing_set_owner(const char *path, unsigned int uid, unsigned int gid)
{
    return result(lchown(path, uid, gid));
}

int lapwing_set_time(const char *path, long long seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    return result(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

int lapwing_set_attribute(const char *path, const char *name, const void *value, unsigned long size)
{
    return result(lsetxattr(path, name, value, size, 0));
}

long lapwing_get_attribute(const char *path, const char *name, void *buffer, unsigned long size)
{
    ssize_t length = lgetxattr(path, name, buffer, size);

    if (length >= 0)
        return length;
    return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
}

int lapwing_finish_file(int fd, unsigned int uid, unsigned int gid, unsigned int mode, long long seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    if (fchown(fd, uid, gid) != 0 || fchmod(fd, mode) != 0)
        return -errno;
    return result(futimens(fd, times));
}

unsigned long long lapwing_device_number(const char *path)
{
    struct stat status;

    if (lstat(path, &status) != 0 || !(S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)))
        return 0;
    return (unsigned long long)major(status.st_rdev) << 32 | minor(status.st_rdev);
}

int lapwing_mount(const char *source, const char *target, const char *type, int flags, const char *data)
{
    unsigned long bits = 0;

    if (flags & 1)
        bits |= MS_BIND | MS_REC;
    if (flags & 2)
        bits |= MS_RDONLY;
    if (flags & 4)
        bits |= MS_NOSUID | MS_NODEV;
    return result(mount(source, target, type, bits, data));
}

int lapwing_mounts_private(void)
{
    return result(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

int lapwing_unmount(const char *target)
{
    return result(umount2(target, MNT_DETACH));
}

void lapwing_give_way(void)
{
    /* With autogroups a nice value counts within the session alone, and the session has one of its own (sched(7)). */
    setsid();
    setpriority(PRIO_PROCESS, 0, 3);
    int file = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t written = write(file, "3", 1);
        (void)written;
        close(file);
    }
}

int lapwing_umask(int mask)
{
    return (int)umask((mode_t)mask);
}

int lapwing_node_type(const char *path)
{
    struct stat status;

    if (lstat(path, &status) != 0)
        return 0;
    return S_ISCHR(status.st_mode) ? 1 : S_ISBLK(status.st_mode) ? 2 : S_ISFIFO(status.st_mode) ? 3 : 0;
}

int lapwing_set_host_name(const char *name)
{
    return result(sethostname(name, strlen(name)));
}

int lapwing_processors(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}
