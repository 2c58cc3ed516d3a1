/* SPDX-License-Identifier: Apache-2.0 */
/* libusb-1.0: its own look at the bus, to be compared with sysfs, and strings asked from the device itself. */
#include <libusb-1.0/libusb.h>
