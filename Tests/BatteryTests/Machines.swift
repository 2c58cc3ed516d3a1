// SPDX-License-Identifier: Apache-2.0

/// `/sys/class/power_supply` of kinds of machines: which attributes there are, and in which units, is what the drivers
/// of these machines make (drivers/acpi/battery.c and ac.c, drivers/usb/typec/ucsi/psy.c, drivers/hid/hid-input.c,
/// drivers/power/supply/axp20x_battery.c, sbs-battery.c, cros_usbpd-charger.c); the numbers are typical ones.
enum Machines {
    /// ACPI battery with `_BIX` in mW: most business laptops.
    static let energy = """
        AC type=Mains
        AC online=0
        BAT0 type=Battery
        BAT0 status=Discharging
        BAT0 present=1
        BAT0 technology=Li-poly
        BAT0 cycle_count=212
        BAT0 voltage_min_design=11400000
        BAT0 voltage_now=11621000
        BAT0 power_now=8120000
        BAT0 energy_full_design=57020000
        BAT0 energy_full=51230000
        BAT0 energy_now=30110000
        BAT0 capacity=58
        BAT0 capacity_level=Normal
        BAT0 alarm=2561000
        BAT0 model_name=DELL 8FXW
        BAT0 manufacturer=LGC-LGC
        BAT0 serial_number= 3701
        """

    /// ACPI battery that counts in mA: many consumer laptops.
    static let charge = """
        ACAD type=Mains
        ACAD online=1
        BAT1 type=Battery
        BAT1 status=Charging
        BAT1 present=1
        BAT1 technology=Li-ion
        BAT1 cycle_count=0
        BAT1 voltage_min_design=11250000
        BAT1 voltage_now=12412000
        BAT1 current_now=2050000
        BAT1 charge_full_design=4170000
        BAT1 charge_full=3903000
        BAT1 charge_now=2110000
        BAT1 capacity=54
        BAT1 capacity_level=Normal
        BAT1 alarm=0
        BAT1 model_name=AP18C8K
        BAT1 manufacturer=Simplo
        BAT1 serial_number=9421
        """

    /// Two batteries of which one is drained first, and a bay that may be empty (ThinkPads with an inner battery).
    static let twoBatteries = """
        AC type=Mains
        AC online=0
        BAT0 type=Battery
        BAT0 status=Not charging
        BAT0 present=1
        BAT0 technology=Li-poly
        BAT0 cycle_count=301
        BAT0 voltage_min_design=11400000
        BAT0 voltage_now=12380000
        BAT0 power_now=0
        BAT0 energy_full_design=23480000
        BAT0 energy_full=20970000
        BAT0 energy_now=20130000
        BAT0 capacity=95
        BAT0 model_name=45N1111
        BAT0 manufacturer=SANYO
        BAT1 type=Battery
        BAT1 status=Discharging
        BAT1 present=1
        BAT1 technology=Li-ion
        BAT1 cycle_count=88
        BAT1 voltage_min_design=11400000
        BAT1 voltage_now=11020000
        BAT1 power_now=6300000
        BAT1 energy_full_design=47520000
        BAT1 energy_full=44220000
        BAT1 energy_now=18900000
        BAT1 capacity=42
        BAT1 model_name=45N1775
        BAT1 manufacturer=LGC
        """

    /// No ACPI adapter, two USB-C ports of which one feeds the machine and one feeds a phone.
    static let usbTypeC = """
        ucsi-source-psy-USBC000:001 type=USB
        ucsi-source-psy-USBC000:001 scope=Unknown
        ucsi-source-psy-USBC000:001 online=1
        ucsi-source-psy-USBC000:001 usb_type=C [PD] PD_PPS
        ucsi-source-psy-USBC000:002 type=USB
        ucsi-source-psy-USBC000:002 scope=Device
        ucsi-source-psy-USBC000:002 online=0
        BAT0 type=Battery
        BAT0 status=Full
        BAT0 present=1
        BAT0 technology=Li-ion
        BAT0 voltage_now=17230000
        BAT0 power_now=0
        BAT0 energy_full_design=68000000
        BAT0 energy_full=67110000
        BAT0 energy_now=67110000
        BAT0 capacity=100
        """

    /// A desktop: nothing at all.
    static let desktop = ""

    /// A desktop with a wireless mouse and keyboard, whose batteries are the devices' own.
    static let mouse = """
        hidpp_battery_0 type=Battery
        hidpp_battery_0 scope=Device
        hidpp_battery_0 status=Discharging
        hidpp_battery_0 capacity=30
        hidpp_battery_0 model_name=Wireless Mouse MX Master
        hid-00:1f:20:aa:bb:cc-battery type=Battery
        hid-00:1f:20:aa:bb:cc-battery scope=Device
        hid-00:1f:20:aa:bb:cc-battery present=1
        hid-00:1f:20:aa:bb:cc-battery capacity=12
        """

    /// A server with an uninterruptible supply.
    static let ups = """
        ups0 type=UPS
        ups0 scope=System
        ups0 online=1
        ups0 capacity=90
        hid-ups type=Battery
        hid-ups scope=Device
        hid-ups status=Charging
        hid-ups capacity=77
        """

    /// A battery that lies in every number it has.
    static let liar = """
        AC type=Mains
        AC online=1
        BAT0 type=Battery
        BAT0 status=Discharging
        BAT0 present=1
        BAT0 technology=Unknown
        BAT0 cycle_count=4294967295
        BAT0 voltage_min_design=-1000
        BAT0 voltage_now=0
        BAT0 power_now=4294967295000
        BAT0 energy_full_design=0
        BAT0 energy_full=50000000
        BAT0 energy_now=91000000
        BAT0 capacity=182
        BAT0 alarm=4294967295000
        BAT0 model_name=\u{1b}[2J\u{7}bat
        BAT0 manufacturer=
        """

    /// A fuel gauge whose current is negative while it is drained, and whose driver knows no state (ARM tablets, Smart
    /// Battery System).
    static let negative = """
        sbs-5-000b type=Battery
        sbs-5-000b status=Unknown
        sbs-5-000b present=1
        sbs-5-000b technology=Li-ion
        sbs-5-000b cycle_count=17
        sbs-5-000b voltage_now=7411000
        sbs-5-000b current_now=-612000
        sbs-5-000b charge_full_design=5070000
        sbs-5-000b charge_full=5001000
        sbs-5-000b charge_now=4117000
        sbs-5-000b capacity=82
        """

    /// A tablet whose gauge tells a percentage and little else.
    static let percentOnly = """
        axp20x-usb-power type=USB
        axp20x-usb-power online=0
        axp20x-battery type=Battery
        axp20x-battery status=Discharging
        axp20x-battery present=1
        axp20x-battery capacity=71
        axp20x-battery voltage_now=3821000
        axp20x-battery current_now=401000
        """

    /// Most files are missing, as when a driver fails for each property.
    static let missing = """
        ADP1 type=Mains
        BAT0 type=Battery
        BAT0 energy_full=40000000
        BAT0 capacity=50
        """

    /// An ACPI battery in an empty bay of a kernel that leaves it there.
    static let emptyBay = """
        AC type=Mains
        AC online=1
        BAT0 type=Battery
        BAT0 status=Unknown
        BAT0 present=0
        BAT1 type=Battery
        BAT1 status=Charging
        BAT1 present=1
        BAT1 voltage_now=12010000
        BAT1 power_now=20000000
        BAT1 energy_full_design=50000000
        BAT1 energy_full=45000000
        BAT1 energy_now=30000000
        BAT1 capacity=66
        """

    /// A Chromebook: chargers by port, a battery that counts in mA and tells both current and voltage.
    static let chromebook = """
        CROS_USBPD_CHARGER0 type=USB
        CROS_USBPD_CHARGER0 online=0
        CROS_USBPD_CHARGER1 type=USB
        CROS_USBPD_CHARGER1 online=1
        BAT0 type=Battery
        BAT0 status=Charging
        BAT0 present=1
        BAT0 technology=Li-ion
        BAT0 cycle_count=41
        BAT0 voltage_min_design=7600000
        BAT0 voltage_now=8312000
        BAT0 current_now=1204000
        BAT0 charge_full_design=6220000
        BAT0 charge_full=6019000
        BAT0 charge_now=5530000
        BAT0 capacity=91
        BAT0 model_name=GG02047XL
        BAT0 manufacturer=333-42-0D-A
        """

    /// All of them.
    static let all: [(name: String, text: String)] = [
        ("energy", energy), ("charge", charge), ("two batteries", twoBatteries), ("USB-C", usbTypeC),
        ("desktop", desktop), ("mouse", mouse), ("UPS", ups), ("liar", liar), ("negative", negative),
        ("percent only", percentOnly), ("missing", missing), ("empty bay", emptyBay), ("Chromebook", chromebook),
    ]
}
