// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// What `check` adds to the initrd of a throw-away copy, as data: the agent and the units that carry it over to the
/// root file system without touching it. The initrd's own unit copies them to `/run`, which survives the switch of
/// roots; systemd reads units from `/run/systemd/system` afterwards.
public struct AgentPayload: Sendable {
    /// Where a file's content comes from.
    public enum Content: Sendable, Hashable {
        /// These bytes.
        case text(String)
        /// The content of a file on the host.
        case file(FilePath)
        /// A symbolic link with this target.
        case link(String)
    }

    /// One entry of the archive.
    public struct Entry: Sendable, Hashable {
        /// The path in the initrd, without a leading slash.
        public var path: String
        /// What is there.
        public var content: Content
        /// The permission bits; meaningless for links.
        public var mode: UInt16
    }

    /// The entries, parents not listed, sorted by path.
    public var entries: [Entry]

    /// What is added to the kernel's command line: what goes wrong, units included, is said on the console. The list of
    /// all units is not, for its moving stars take the emulated serial port's time.
    public static let commandLine = [
        "loglevel=6", "printk.devkmsg=on", "systemd.log_target=kmsg", "systemd.show_status=error",
    ]

    /// The payload for an agent program that needs nothing of the system it runs on.
    public init(agent: FilePath) {
        entries = [
            Entry(path: "usr/lib/lapwing-test/lapwing-agent", content: .file(agent), mode: 0o755),
            Entry(path: "usr/lib/lapwing-test/lapwing-agent.service", content: .text(Self.agentUnit), mode: 0o644),
            Entry(
                path: "usr/lib/systemd/system/initrd-switch-root.target.wants/lapwing-agent-carry.service",
                content: .link("../lapwing-agent-carry.service"), mode: 0o777),
            Entry(
                path: "usr/lib/systemd/system/initrd.target.wants/lapwing-agent-carry.service",
                content: .link("../lapwing-agent-carry.service"), mode: 0o777),
            Entry(
                path: "usr/lib/systemd/system/lapwing-agent-carry.service", content: .text(Self.carryUnit), mode: 0o644),
        ]
    }

    // /run is mounted noexec by no one in the initrd; systemd moves the mount as it is.
    private static let carryUnit = """
        [Unit]
        Description=Carry the test agent over to the root file system
        DefaultDependencies=no
        Before=initrd-cleanup.service initrd-switch-root.target

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=mkdir -p /run/lapwing-test /run/systemd/system/sysinit.target.wants
        ExecStart=cp /usr/lib/lapwing-test/lapwing-agent /run/lapwing-test/lapwing-agent
        ExecStart=cp /usr/lib/lapwing-test/lapwing-agent.service /run/systemd/system/lapwing-agent.service
        ExecStart=ln -sf ../lapwing-agent.service /run/systemd/system/sysinit.target.wants/lapwing-agent.service

        """

    private static let agentUnit = """
        [Unit]
        Description=Test agent
        DefaultDependencies=no
        After=systemd-udevd.service
        Before=shutdown.target
        Conflicts=shutdown.target

        [Service]
        ExecStart=/run/lapwing-test/lapwing-agent /dev/virtio-ports/lapwing.agent.0
        Restart=always
        RestartSec=1
        OOMScoreAdjust=-1000

        """
}
