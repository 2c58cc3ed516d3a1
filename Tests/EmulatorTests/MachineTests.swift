// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import Emulator

private func machine(_ change: (inout Machine) -> Void = { _ in }) -> Machine {
    var machine = Machine(
        architecture: .x86_64,
        firmware: Machine.Firmware(code: "/fw/code.fd", variables: "/run/vars.fd"), accelerator: .tcg,
        serial: .file("/run/console.log"))
    change(&machine)
    return machine
}

/// The arguments that follow each occurrence of a flag.
private func values(_ flag: String, _ arguments: [String]) -> [String] {
    zip(arguments, arguments.dropFirst()).filter { $0.0 == flag }.map(\.1)
}

@Suite struct MachineTests {
    @Test func `under emulation a PC has the processor that runs Xen and its guests`() {
        let arguments = machine().arguments()
        #expect(values("-machine", arguments) == ["q35"])
        #expect(values("-accel", arguments) == ["tcg,thread=multi"])
        #expect(
            values("-cpu", arguments) == [
                "qemu64,+svm,+npt,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes,+pclmulqdq,+sha-ni"
            ])
        #expect(values("-m", arguments) == ["4096M"])
        #expect(machine().program == "qemu-system-x86_64")
    }

    @Test func `with KVM the host's processor is used and its device is named to the wrapper`() {
        let kvm = machine { $0.accelerator = .kvm }
        #expect(values("-cpu", kvm.arguments()) == ["host"])
        #expect(kvm.writes.contains("/dev/kvm"))
        #expect(!machine().writes.contains("/dev/kvm"))
    }

    @Test func `a machine for passthrough has an IOMMU, a closed network and drives that can be written`() {
        let machine = machine(PassthroughMachine.change)
        let arguments = machine.arguments()
        let devices = values("-device", arguments)
        #expect(devices.contains("intel-iommu,intremap=on"))
        #expect(values("-netdev", arguments) == ["user,id=pt-net,restrict=on,guestfwd=tcp:10.0.2.100:7007-cmd:cat"])
        #expect(values("-blockdev", arguments).count == PassthroughMachine.drives.count)
        for drive in machine.drives { #expect(machine.writes.contains(drive.file)) }
        // What has no function-level reset is alone behind a port of its own.
        for name in ["pt-usb", "pt-gpu"] {
            let on = devices.filter { $0.hasSuffix(",bus=\(name)-port") }
            #expect(on.count == 1 && on[0].contains(",id=\(name),"), "\(on)")
        }
    }

    @Test func `an ARM machine has no ACPI and its own devices`() {
        let arguments = machine {
            $0.architecture = .arm64
            $0.disks = [Disk(id: "a", file: "/a", attachment: .optical)]
            $0.tpm = "/run/tpm"
        }.arguments()
        #expect(values("-machine", arguments) == ["virt,virtualization=on,gic-version=3,acpi=off"])
        #expect(values("-device", arguments).contains("tpm-tis-device,tpmdev=tpm0"))
        #expect(values("-device", arguments).contains { $0.hasPrefix("scsi-cd,bus=scsi0.0") })
    }

    @Test(arguments: [
        (Disk.Attachment.virtioBlock, "virtio-blk-pci,id=d,drive=d-file,bootindex=1"),
        (.nvme, "nvme,id=d,drive=d-file,bootindex=1,serial=d"),
        (.ahci, "ide-hd,bus=ide.0,id=d,drive=d-file,bootindex=1"),
        (.usbStorage, "usb-storage,bus=xhci0.0,removable=on,id=d,drive=d-file,bootindex=1"),
        (.optical, "ide-cd,bus=ide.0,id=d,drive=d-file,bootindex=1"),
    ])
    func `each attachment has its device`(attachment: Disk.Attachment, device: String) {
        let arguments = machine { $0.disks = [Disk(id: "d", file: "/x.img", attachment: attachment)] }.arguments()
        #expect(values("-device", arguments).contains(device))
    }

    @Test func `two disks of the same controller stand on two ports in boot order`() {
        let arguments = machine {
            $0.disks = [
                Disk(id: "one", file: "/1", attachment: .ahci), Disk(id: "two", file: "/2", attachment: .optical),
            ]
        }.arguments()
        let devices = values("-device", arguments)
        #expect(devices.contains("ide-hd,bus=ide.0,id=one,drive=one-file,bootindex=1"))
        #expect(devices.contains("ide-cd,bus=ide.1,id=two,drive=two-file,bootindex=2"))
    }

    @Test func `commas in names are doubled so that QEMU takes them as part of the name`() {
        let arguments = machine {
            $0.disks = [Disk(id: "d", file: "/a,b/x,.img", attachment: .virtioBlock, serial: "S,1")]
            $0.acpiTables = ["/t,1.aml"]
            $0.serial = .file("/log,1")
            $0.agentSocket = "/s,1"
            $0.devices = [Device("e1000e", ["id": "n,1"])]
            $0.kernel = DirectKernel(image: "/k", initrd: "/i,1", commandLine: "a=b,c")
        }.arguments()
        #expect(values("-drive", arguments).contains { $0.contains("file=/a,,b/x,,.img,") })
        #expect(values("-device", arguments).contains { $0.hasSuffix("serial=S,,1") })
        #expect(values("-acpitable", arguments) == ["file=/t,,1.aml"])
        #expect(values("-chardev", arguments).contains("file,id=serial0,path=/log,,1"))
        #expect(values("-chardev", arguments).contains("socket,id=agent0,path=/s,,1,server=on,wait=off"))
        #expect(values("-device", arguments).contains("e1000e,id=n,,1"))
        #expect(values("-initrd", arguments) == ["/i,,1"])
        #expect(values("-append", arguments) == ["a=b,c"])
    }

    @Test func `a temporary disk is only read, and an optical one cannot be written`() {
        let temporary = machine { $0.disks = [Disk(id: "d", file: "/x", attachment: .ahci, temporary: true)] }
        #expect(temporary.reads == ["/x"])
        #expect(!temporary.writes.contains("/x"))
        #expect(values("-drive", temporary.arguments()).contains { $0.contains("snapshot=on") })
        let optical = machine { $0.disks = [Disk(id: "d", file: "/x", attachment: .optical)] }
        #expect(optical.reads == ["/x"])
        #expect(
            values("-drive", optical.arguments()).contains { $0.contains("readonly=on") && !$0.contains("discard") })
        let plain = machine { $0.disks = [Disk(id: "d", file: "/x", attachment: .ahci)] }
        #expect(plain.reads == [] && plain.writes.contains("/x"))
    }

    @Test func `firmware that guards its variables gets system management mode`() {
        let arguments = machine { $0.firmware?.secure = true }.arguments()
        #expect(values("-machine", arguments) == ["q35,smm=on"])
        #expect(values("-global", arguments) == ["driver=cfi.pflash01,property=secure,value=on"])
    }

    @Test func `the directories of sockets and logs are named to the wrapper once`() {
        let writes = machine {
            $0.agentSocket = "/run/agent"
            $0.controlSocket = "/run/qmp"
        }.writes
        #expect(writes.filter { $0 == "/run" }.count == 1)
    }
}
