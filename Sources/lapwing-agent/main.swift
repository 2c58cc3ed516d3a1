// SPDX-License-Identifier: Apache-2.0

import Glibc
import GuestAgent

// The test agent: serves docs/agent-protocol.md on the port named by the first argument. It is never part of a
// shipped file; `lapwing check` adds it to a throw-away copy of an image. As the first process of a small guest it makes
// load instead, for measurements of the scheduler, or tells what the guest is.

if getpid() == 1 { Load.runAsInit() }
Witness.obey(CommandLine.arguments.first ?? "")
if CommandLine.arguments.count == 4, CommandLine.arguments[1] == "sum", let size = Int(CommandLine.arguments[3]) {
    // What dom0 reads where a guest has written.
    guard let sum = Pattern.sum(ofFile: CommandLine.arguments[2], mebibytes: size) else { exit(1) }
    print(sum)
    exit(0)
}
if CommandLine.arguments.count > 2, CommandLine.arguments[1] == "ask" {
    // What a guest would say, of dom0.
    guard let lines = Witness.answer(Array(CommandLine.arguments[2...])) else { exit(1) }
    for line in lines { print(line) }
    exit(0)
}
signal(SIGPIPE, SIG_IGN)
var agent = Agent(path: CommandLine.arguments.dropFirst().first ?? "/dev/virtio-ports/lapwing.agent.0")
agent.run()
