// SPDX-License-Identifier: Apache-2.0

import Glibc
import GuestAgent

// The test agent: serves docs/agent-protocol.md on the port named by the first argument. It is never part of a
// shipped file; `lapwing check` adds it to a throw-away copy of an image. As the first process of a small guest it makes
// load instead, for measurements of the scheduler, or tells what the guest is.

if getpid() == 1 { Load.runAsInit() }
Witness.obey(CommandLine.arguments.first ?? "")
signal(SIGPIPE, SIG_IGN)
var agent = Agent(path: CommandLine.arguments.dropFirst().first ?? "/dev/virtio-ports/lapwing.agent.0")
agent.run()
