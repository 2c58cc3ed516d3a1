/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* The headers use these two of Xen's types and define neither. */
typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

/* Xen's pages have this size on both architectures. */
#define PAGE 4096UL

int64_t lapwing_event_offer(int fd, uint32_t domain)
{
    struct ioctl_evtchn_bind_unbound_port request = { .remote_domain = domain };
    int port = ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &request);

    return port < 0 ? -errno : port;
}

int64_t lapwing_event_bind(int fd, uint32_t domain, uint32_t port)
{
    struct ioctl_evtchn_bind_interdomain request = { .remote_domain = domain, .remote_port = port };
    int here = ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &request);

    return here < 0 ? -errno : here;
}

int lapwing_event_send(int fd, uint32_t port)
{
    struct ioctl_evtchn_notify request = { .port = port };

    return ioctl(fd, IOCTL_EVTCHN_NOTIFY, &request) < 0 ? -errno : 0;
}

static int map(int fd, uint32_t count, uint64_t offset, void **pages)
{
    void *found = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

    if (found == MAP_FAILED)
        return -errno;
    *pages = found;
    return 0;
}

int lapwing_pages_share(int fd, uint32_t domain, uint32_t count, uint32_t *references, uint64_t *offset, void **pages)
{
    struct ioctl_gntalloc_alloc_gref *request;
    int code = 0;

    if (count == 0 || count > LAPWING_MOST_PAGES || domain > UINT16_MAX)
        return -EINVAL;
    request = calloc(1, sizeof *request + count * sizeof(uint32_t));
    if (!request)
        return -ENOMEM;
    request->domid = domain;
    request->flags = GNTALLOC_FLAG_WRITABLE;
    request->count = count;
    if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, request) < 0) {
        code = -errno;
    } else {
        const uint32_t *given = (const uint32_t *)((const char *)request +
                                                   offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids));
        for (uint32_t i = 0; i < count; i++)
            references[i] = given[i];
        *offset = request->index;
        code = map(fd, count, request->index, pages);
    }
    free(request);
    return code;
}

int lapwing_pages_take(int fd, uint32_t domain, uint32_t count, const uint32_t *references, uint64_t *offset,
                       void **pages)
{
    struct ioctl_gntdev_map_grant_ref *request;
    int code = 0;

    if (count == 0 || count > LAPWING_MOST_PAGES)
        return -EINVAL;
    request = calloc(1, sizeof *request + count * sizeof(struct ioctl_gntdev_grant_ref));
    if (!request)
        return -ENOMEM;
    request->count = count;
    for (uint32_t i = 0; i < count; i++)
        request->refs[i] = (struct ioctl_gntdev_grant_ref){ .domid = domain, .ref = references[i] };
    if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, request) < 0) {
        code = -errno;
    } else {
        *offset = request->index;
        code = map(fd, count, request->index, pages);
    }
    free(request);
    return code;
}

int lapwing_pages_at_end(int fd, int own, uint64_t offset, uint32_t port)
{
    struct ioctl_gntalloc_unmap_notify shared = {
        .index = offset, .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT, .event_channel_port = port,
    };
    struct ioctl_gntdev_unmap_notify taken = {
        .index = offset, .action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT, .event_channel_port = port,
    };
    int code = own ? ioctl(fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &shared)
                   : ioctl(fd, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &taken);

    return code < 0 ? -errno : 0;
}

int lapwing_pages_end(void *pages, uint32_t count)
{
    return munmap(pages, count * PAGE) < 0 ? -errno : 0;
}

uint32_t lapwing_shared_load(const void *word)
{
    return __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE);
}

void lapwing_shared_store(void *word, uint32_t value)
{
    __atomic_store_n((uint32_t *)word, value, __ATOMIC_RELEASE);
}

uint8_t lapwing_shared_load_byte(const void *byte)
{
    return __atomic_load_n((const uint8_t *)byte, __ATOMIC_ACQUIRE);
}

void lapwing_shared_store_byte(void *byte, uint8_t value)
{
    __atomic_store_n((uint8_t *)byte, value, __ATOMIC_RELEASE);
}

uint8_t lapwing_shared_set_bits(void *byte, uint8_t bits)
{
    return __atomic_fetch_or((uint8_t *)byte, bits, __ATOMIC_SEQ_CST);
}

uint8_t lapwing_shared_clear_bits(void *byte, uint8_t bits)
{
    return __atomic_fetch_and((uint8_t *)byte, (uint8_t)~bits, __ATOMIC_SEQ_CST);
}

int lapwing_socket_pair(int sockets[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return -errno;
    return fcntl(sockets[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}
