/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages and event channels that two domains of Xen share, through Linux's /dev/xen/evtchn, gntalloc and gntdev: ioctl is
 * variadic, and the requests' structures end in arrays of a length of their own. Each returns -errno on failure.
 */
#ifndef LAPWING_CLINUX_CHANNEL_H
#define LAPWING_CLINUX_CHANNEL_H

#include <stdint.h>

/* A new event channel that the domain may bind to; its port here. */
int64_t lapwing_event_offer(int fd, uint32_t domain);
/* Binds to an event channel another domain offers; its port here. */
int64_t lapwing_event_bind(int fd, uint32_t domain, uint32_t port);
int lapwing_event_send(int fd, uint32_t port);

/* The most pages of one call. */
#define LAPWING_MOST_PAGES 512
/* Shares new zeroed pages with a domain and maps them: fd is gntalloc. offset names them for lapwing_pages_at_end. */
int lapwing_pages_share(int fd, uint32_t domain, uint32_t count, uint32_t *references, uint64_t *offset, void **pages);
/* Maps pages that a domain shares: fd is gntdev. */
int lapwing_pages_take(int fd, uint32_t domain, uint32_t count, const uint32_t *references, uint64_t *offset,
                       void **pages);
/* Has the kernel clear a byte of the pages and send an event when they are unmapped, however this process ends.
   own: the pages were shared by this side, not taken. */
int lapwing_pages_at_end(int fd, int own, uint64_t offset, uint32_t port);
int lapwing_pages_end(void *pages, uint32_t count);

/* Memory that the other side reads and writes at the same time. */
uint32_t lapwing_shared_load(const void *word);
void lapwing_shared_store(void *word, uint32_t value);
uint8_t lapwing_shared_load_byte(const void *byte);
void lapwing_shared_store_byte(void *byte, uint8_t value);
/* Sets, or clears, bits of a byte and returns what it was; a full barrier. */
uint8_t lapwing_shared_set_bits(void *byte, uint8_t bits);
uint8_t lapwing_shared_clear_bits(void *byte, uint8_t bits);

/* Two connected stream sockets, close-on-exec; the second one does not wait. */
int lapwing_socket_pair(int sockets[2]);

#endif
