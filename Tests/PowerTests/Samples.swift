// SPDX-License-Identifier: Apache-2.0

/// Texts in the formats of Xen 4.20's tools, with values of plausible laptops. Those of `xenpm` were held against what
/// xenpm's own source (tools/misc/xenpm.c) prints over made-up hypercalls; those of `xl` are written by its source.
enum Samples {
    /// `xenpm get-cpufreq-para` where Xen chooses the clock: two CPUs that share one.
    static let acpi = """
        cpu id               : 0
        affected_cpus        : 0 1
        cpuinfo frequency    : max [2801000] min [800000] cur [1600000]
        scaling_driver       : acpi-cpufreq
        scaling_avail_gov    : userspace performance powersave ondemand
        current_governor     : ondemand
          ondemand specific  :
            sampling_rate    : max [10000000] min [10000] cur [20000]
            up_threshold     : 80
        scaling_avail_freq   : 2801000 2800000 *1600000 800000
        scaling frequency    : max [2801000] min [800000] cur [1600000]
        turbo mode           : enabled

        cpu id               : 1
        affected_cpus        : 0 1
        cpuinfo frequency    : max [2801000] min [800000] cur [800000]
        scaling_driver       : acpi-cpufreq
        scaling_avail_gov    : userspace performance powersave ondemand
        current_governor     : userspace
          userspace specific :
            scaling_setspeed : 800000
        scaling_avail_freq   : 2801000 2800000 1600000 *800000
        scaling frequency    : max [1600000] min [800000] cur [800000]
        turbo mode           : disabled or n/a


        """

    /// The same where the hardware does (HWP), one performance and one efficiency core.
    static let hwp = """
        cpu id               : 0
        affected_cpus        : 0
        cpuinfo frequency    : base [2100000] max [4700000]
        scaling_driver       : hwp
        cppc variables       :
          hardware limits    : lowest [1] lowest nonlinear [15]
                             : nominal [27] highest [61]
          configured limits  : min [1] max [61] energy perf [128]
                             : activity_window [0 hardware selected]
                             : desired [0 hw autonomous]
        turbo mode           : enabled

        cpu id               : 8
        affected_cpus        : 8
        cpuinfo frequency    : base [1500000] max [3500000]
        scaling_driver       : hwp
        cppc variables       :
          hardware limits    : lowest [1] lowest nonlinear [11]
                             : nominal [19] highest [35]
          configured limits  : min [5] max [30] energy perf [255]
                             : desired [12]
        turbo mode           : enabled


        """

    /// `xenpm get-cpuidle-states`.
    static let idle = """
        Max possible C-state: C2
        Max possible substate: 1

        cpu id               : 0
        total C-states       : 3
        idle time(ms)        : 86400123
        C0                   : transition [             1234567]
                               residency  [               54321 ms]
        C1                   : transition [                 200]
                               residency  [                 100 ms]
        C2                   : transition [             1000000]
                               residency  [            86345802 ms]
        pc2                  : [              700000 ms]
        pc10                 : [                  12 ms]
        cc6                  : [            80000000 ms]

        cpu id               : 1
        total C-states       : 1
        idle time(ms)        : 5
        C0                   : transition [                   1]
                               residency  [                   2 ms]


        """

    /// `xenpm get-cpufreq-states`.
    static let speeds = """
        cpu id               : 0
        total P-states       : 2
        usable P-states      : 2
        current frequency    : 800 MHz
        P0         [2801 MHz]: transition [                  10]
                               residency  [                5000 ms]
        *P1        [ 800 MHz]: transition [                  11]
                               residency  [                5001 ms]


        """

    static let average = """
        cpu id               : 0
        average cpu frequency: 1612345

        cpu id               : 1
        average cpu frequency: 800000


        """

    /// `xl sched-credit2` with two pools.
    static let shares = """
        Cpupool Pool-0: ratelimit=1000us
        Name                                ID Weight  Cap
        Domain-0                             0    256    0
        work                                 3    512  150
        a name 7 8 9                         4     64    0
        Cpupool other: [sched params unavailable]
        Name                                ID Weight  Cap
        net                                  9    256    0

        """

    /// `xl info -n`: two cores of two threads, CPU 3 switched off.
    static let info = """
        host                   : lapwing
        release                : 6.12.41+deb13-amd64
        version                : #1 SMP PREEMPT_DYNAMIC Debian 6.12.41-1 (2025-08-12)
        machine                : x86_64
        nr_cpus                : 3
        max_cpu_id             : 3
        nr_nodes               : 1
        cores_per_socket       : 2
        threads_per_core       : 2
        cpu_mhz                : 2096.006
        hw_caps                : bfebfbff:77faf3bf:2c100800:00000121:0000000f:239c27eb:1840078c:00000100
        virt_caps              : pv hvm hap shadow gnttab-v1 gnttab-v2
        total_memory           : 8063
        free_memory            : 5721
        free_cpus              : 0
        cpu_topology           :
        cpu:    core    socket     node
          0:       0        0        0
          1:       0        0        0
          2:       1        0        0
        device topology        :
        device           node
        0000:00:00.0      0
        numa_info              :
        node:    memsize    memfree    distances
           0:      8192       5721      10
        xen_major              : 4
        xen_scheduler          : credit2
        xend_config_format     : 4

        """

    static let vcpus = """
        Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)
        Domain-0                             0     0    0   r--      12.3  all / all
        Domain-0                             0     1    1   -b-       2.0  all / all
        work                                 3     0    2   -b-       0.5  2 / 0-1
        a name 7                             4     0    -   --p       0.0  0-1 / all

        """

    static let parameters =
        "mode=balanced,slice=8000,wait=500,boost=3000,align=250,settle=30000,pack=6400,small=30,big=120\n"
}

/// A generator whose numbers are the same each time.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
