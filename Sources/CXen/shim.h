/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Xen's stable libraries for emulators of devices: libxendevicemodel, libxenevtchn, libxenforeignmemory, libxentoolcore.
 * They report by errno, which Swift may not read between two calls of its own: here each call returns -errno. A request's
 * state is a bit field in memory that Xen writes at the same time (xen/include/public/hvm/ioreq.h), which Swift can neither
 * import nor order.
 */
#ifndef LAPWING_CXEN_H
#define LAPWING_CXEN_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <xendevicemodel.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xentoolcore.h>
#include <xen/hvm/ioreq.h>
#include <xen/memory.h>

/* The most I/O request servers of a domain (Xen 4.20, xen/include/xen/ioreq.h, MAX_NR_IOREQ_SERVERS). */
#define LAPWING_XEN_SERVERS 8
/* How many virtual CPUs have their request in one page. */
#define LAPWING_XEN_SLOTS (4096 / sizeof(struct ioreq))

static inline uint32_t lapwing_xen_slots(void)
{
    return LAPWING_XEN_SLOTS;
}

/* A server without a page for buffered requests (hvm_op.h: HVM_IOREQSRV_BUFIOREQ_OFF, which only Xen's own tools see); its
   number. */
static inline int lapwing_xen_server_make(xendevicemodel_handle *model, uint16_t domain)
{
    ioservid_t id = 0;

    return xendevicemodel_create_ioreq_server(model, domain, 0, &id) < 0 ? -errno : id;
}

static inline int lapwing_xen_server_drop(xendevicemodel_handle *model, uint16_t domain, uint16_t id)
{
    return xendevicemodel_destroy_ioreq_server(model, domain, id) < 0 ? -errno : 0;
}

/* 0 while there is such a server. */
static inline int lapwing_xen_server_there(xendevicemodel_handle *model, uint16_t domain, uint16_t id)
{
    return xendevicemodel_get_ioreq_server_info(model, domain, id, NULL, NULL, NULL) < 0 ? -errno : 0;
}

static inline int lapwing_xen_server_start(xendevicemodel_handle *model, uint16_t domain, uint16_t id)
{
    return xendevicemodel_set_ioreq_server_state(model, domain, id, 1) < 0 ? -errno : 0;
}

/* Ports are given as first and last. -EEXIST when the server has some of them already. */
static inline int lapwing_xen_ports_add(xendevicemodel_handle *model, uint16_t domain, uint16_t id, uint64_t first,
                                        uint64_t last)
{
    return xendevicemodel_map_io_range_to_ioreq_server(model, domain, id, 0, first, last) < 0 ? -errno : 0;
}

static inline int lapwing_xen_ports_remove(xendevicemodel_handle *model, uint16_t domain, uint16_t id, uint64_t first,
                                           uint64_t last)
{
    return xendevicemodel_unmap_io_range_from_ioreq_server(model, domain, id, 0, first, last) < 0 ? -errno : 0;
}

static inline int lapwing_xen_line(xendevicemodel_handle *model, uint16_t domain, uint8_t irq, int up)
{
    return xendevicemodel_set_isa_irq_level(model, domain, irq, up ? 1 : 0) < 0 ? -errno : 0;
}

/* Maps the page with the requests of all virtual CPUs (memory.h: frame 1 is the first one of requests); the handle to
   unmap it by, or NULL with -errno in code. */
static inline xenforeignmemory_resource_handle *lapwing_xen_requests_map(xenforeignmemory_handle *memory,
                                                                         uint16_t domain, uint16_t id, void **page,
                                                                         int *code)
{
    xenforeignmemory_resource_handle *found;

    *page = NULL;
    found = xenforeignmemory_map_resource(memory, domain, XENMEM_resource_ioreq_server, id,
                                          XENMEM_resource_ioreq_server_frame_ioreq(0), 1, page,
                                          PROT_READ | PROT_WRITE, 0);
    *code = found ? 0 : -errno;
    return found;
}

/* The port here of an event channel that the domain's side of Xen offers. */
static inline int64_t lapwing_xen_event_bind(xenevtchn_handle *events, uint32_t domain, uint32_t port)
{
    int64_t here = xenevtchn_bind_interdomain(events, domain, port);

    return here < 0 ? -errno : here;
}

/* The port something came from: to be called when the descriptor is readable only. */
static inline int64_t lapwing_xen_event_take(xenevtchn_handle *events)
{
    int64_t port = xenevtchn_pending(events);

    return port < 0 ? -errno : port;
}

static inline int lapwing_xen_event_unmask(xenevtchn_handle *events, uint32_t port)
{
    return xenevtchn_unmask(events, port) < 0 ? -errno : 0;
}

static inline int lapwing_xen_event_send(xenevtchn_handle *events, uint32_t port)
{
    return xenevtchn_notify(events, port) < 0 ? -errno : 0;
}

/* From now on nothing that is open can do anything to another domain than this one. */
static inline int lapwing_xen_restrict(uint16_t domain)
{
    return xentoolcore_restrict_all(domain) < 0 ? -errno : 0;
}

/* A copy of a request, so that nothing is read twice. */
struct lapwing_xen_request {
    uint64_t address;
    uint64_t data;
    uint32_t count;
    uint32_t size;
    uint8_t state;
    uint8_t type;
    uint8_t reads;
    uint8_t points;
};

static inline struct ioreq *lapwing_xen_slot(void *page, unsigned int slot)
{
    return &((struct ioreq *)page)[slot % LAPWING_XEN_SLOTS];
}

/* The byte with the bit field `state` in its lower half: the one before `type`. */
static inline uint8_t *lapwing_xen_flags(struct ioreq *request)
{
    return (uint8_t *)request + offsetof(struct ioreq, type) - 1;
}

/* The event channel a virtual CPU's requests are told of; 0 for one that is not there. */
static inline uint32_t lapwing_xen_slot_event(void *page, unsigned int slot)
{
    return __atomic_load_n(&lapwing_xen_slot(page, slot)->vp_eport, __ATOMIC_ACQUIRE);
}

/* Copies a request; one that is ready is being worked on from then on. */
static inline struct lapwing_xen_request lapwing_xen_slot_take(void *page, unsigned int slot)
{
    struct ioreq *request = lapwing_xen_slot(page, slot);
    uint8_t *flags = lapwing_xen_flags(request);
    uint8_t seen = __atomic_load_n(flags, __ATOMIC_ACQUIRE);
    struct lapwing_xen_request copy = { .state = seen & 0xf };

    if (copy.state != STATE_IOREQ_READY && copy.state != STATE_IOREQ_INPROCESS)
        return copy;
    copy.address = request->addr;
    copy.data = request->data;
    copy.count = request->count;
    copy.size = request->size;
    copy.type = request->type;
    copy.points = seen >> 4 & 1;
    copy.reads = seen >> 5 & 1;
    __atomic_store_n(flags, (uint8_t)((seen & 0xf0) | STATE_IOREQ_INPROCESS), __ATOMIC_RELEASE);
    return copy;
}

/* Answers a request that was taken. */
static inline void lapwing_xen_slot_answer(void *page, unsigned int slot, uint64_t data)
{
    struct ioreq *request = lapwing_xen_slot(page, slot);
    uint8_t *flags = lapwing_xen_flags(request);

    request->data = data;
    __atomic_store_n(flags, (uint8_t)((*flags & 0xf0) | STATE_IORESP_READY), __ATOMIC_RELEASE);
}

#endif
