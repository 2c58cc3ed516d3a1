/* SPDX-License-Identifier: Apache-2.0 */
/* libpci: names out of the list of PCI ids, and its own look at the machine, to be compared with ours. */
#ifndef LAPWING_CLIBPCI_H
#define LAPWING_CLIBPCI_H

#include <pci/pci.h>
#include <setjmp.h>
#include <stdlib.h>

/* libpci reports errors through variadic callbacks, and ends the program when the one for errors is missing. */
static inline void lapwing_pci_quiet(char *format, ...) { (void)format; }

/* Access for looking names up only: nothing of the machine is opened. NULL without memory. */
static inline struct pci_access *lapwing_pci_names(void)
{
    struct pci_access *access = pci_alloc();

    if (access) {
        access->error = lapwing_pci_quiet;
        access->warning = lapwing_pci_quiet;
        access->debug = lapwing_pci_quiet;
    }
    return access;
}

/* pci_lookup_name is variadic. Each puts the name into buffer and returns it, or NULL when there is none. */
static inline const char *lapwing_pci_class(struct pci_access *access, char *buffer, int size, int code)
{
    return pci_lookup_name(access, buffer, size, PCI_LOOKUP_CLASS | PCI_LOOKUP_NO_NUMBERS, code);
}

static inline const char *lapwing_pci_vendor(struct pci_access *access, char *buffer, int size, int vendor)
{
    return pci_lookup_name(access, buffer, size, PCI_LOOKUP_VENDOR | PCI_LOOKUP_NO_NUMBERS, vendor);
}

static inline const char *lapwing_pci_device(struct pci_access *access, char *buffer, int size, int vendor, int device)
{
    return pci_lookup_name(access, buffer, size, PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS, vendor, device);
}

static inline const char *lapwing_pci_subsystem(struct pci_access *access, char *buffer, int size, int vendor,
                                                int device, int subvendor, int subdevice)
{
    return pci_lookup_name(access, buffer, size, PCI_LOOKUP_SUBSYSTEM | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS,
                           vendor, device, subvendor, subdevice);
}

static inline jmp_buf *lapwing_pci_exit(void)
{
    static jmp_buf place;

    return &place;
}

/* The callback for errors must not return, and Swift frames must not be jumped over: the jump stays in here. */
static inline void lapwing_pci_leave(char *format, ...)
{
    (void)format;
    longjmp(*lapwing_pci_exit(), 1);
}

/* Calls body with each function libpci finds, its capabilities read; 0, or -1 when libpci gave up. One call at a time. */
static inline int lapwing_pci_scan(void *state, void (*body)(void *state, struct pci_dev *device))
{
    struct pci_access *access = pci_alloc();
    struct pci_dev *device;

    if (!access)
        return -1;
    access->error = lapwing_pci_leave;
    access->warning = lapwing_pci_quiet;
    access->debug = lapwing_pci_quiet;
    if (setjmp(*lapwing_pci_exit()) != 0)
        return -1;
    pci_init(access);
    pci_scan_bus(access);
    for (device = access->devices; device; device = device->next)
        pci_fill_info(device, PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
    for (device = access->devices; device; device = device->next)
        body(state, device);
    pci_cleanup(access);
    return 0;
}

#endif
