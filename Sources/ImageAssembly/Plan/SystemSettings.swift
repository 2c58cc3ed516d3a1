// SPDX-License-Identifier: Apache-2.0

import Recipes

/// The recipe's settings of the control domain as the files systemd reads.
enum SystemSettings {
    static func items(_ recipe: Recipe) -> [RootContents.Item] {
        let dom0 = recipe.dom0
        var items: [RootContents.Item] = [
            .file("etc/locale.conf", "LANG=\(dom0.locale)\n"),
            .file("etc/vconsole.conf", "KEYMAP=\(dom0.keymap)\n"),
            .link("etc/localtime", to: "/usr/share/zoneinfo/\(dom0.timezone)"),
            .file("etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\t\(dom0.hostname)\n::1\tlocalhost ip6-localhost\n"),
        ]
        if recipe.network.wired == .dhcp {
            items.append(
                .file("etc/systemd/network/80-wired.network", "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n"))
        }
        return items
    }
}
