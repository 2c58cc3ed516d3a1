// SPDX-License-Identifier: Apache-2.0

/// The style sheet of the report: one set of names, colours for light and for dark.
enum ReportStyle {
    static let sheet: StaticString = """
        :root {
          color-scheme: light dark;
          --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #56616f; --line: #dde2e8; --grid: #e8ecf0;
          --built: #2f6fb3; --commit: #a9c8e8; --cached: #c3cbd4; --shared: #2d8a83;
          --c0: #cfe0f3; --c1: #d8ead0; --c2: #f6e3c0; --c3: #ecd5e6; --c4: #d2e9e7; --c5: #f3d6cf; --c6: #e0dcf2; --rest: #e6e9ed;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #12161b; --card: #1a2027; --ink: #e4e9ef; --soft: #9aa6b4; --line: #2c353f; --grid: #262e37;
            --built: #5b9bdf; --commit: #2f527a; --cached: #4a5561; --shared: #4fb3aa;
            --c0: #27435f; --c1: #2e4a2c; --c2: #574521; --c3: #4d3048; --c4: #214a48; --c5: #5a332b; --c6: #3c3763; --rest: #2a323b;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink);
          font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
        main, header.top { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
        header.top { padding-top: 32px; }
        h1 { font-size: 28px; margin: 0; letter-spacing: -0.01em; }
        h2 { font-size: 19px; margin: 0 0 4px; }
        h3 { font-size: 15px; margin: 20px 0 6px; }
        p.sub { color: var(--soft); margin: 4px 0 0; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; margin: 18px 0; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 18px 0 0; padding: 0; }
        .tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
        .tiles dt { color: var(--soft); font-size: 13px; }
        .tiles dd { margin: 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
        .tiles small { display: block; color: var(--soft); font-size: 12px; font-weight: 400; }
        svg { display: block; width: 100%; height: auto; margin-top: 12px; }
        svg text { fill: var(--ink); font: 12px system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
        svg text.soft { fill: var(--soft); } svg text.bold { font-weight: 600; }
        .grid { stroke: var(--grid); } .band { fill: var(--grid); fill-opacity: .45; }
        .built { fill: var(--built); } .commit { fill: var(--commit); } .shared { fill: var(--shared); }
        .cached { fill: none; stroke: var(--cached); stroke-width: 1.5; stroke-dasharray: 3 2; }
        .c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); }
        .c4 { fill: var(--c4); } .c5 { fill: var(--c5); } .c6 { fill: var(--c6); } .rest { fill: var(--rest); }
        .box { stroke: var(--card); stroke-width: 2; }
        .inner { stroke: var(--card); stroke-width: 1; fill: var(--card); fill-opacity: .38; }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 20px; color: var(--soft); font-size: 13px; margin: 10px 0 0; padding: 0; list-style: none; }
        .legend svg { display: inline-block; width: 14px; height: 12px; margin: 0 6px 0 0; vertical-align: -1px; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: 14px; margin-top: 8px; }
        caption { text-align: left; color: var(--soft); font-size: 13px; padding-bottom: 4px; }
        th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; }
        th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
        td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        td.h, dd.h { font: 12px/1.6 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
        tbody th { color: var(--ink); font-weight: 500; font-size: 14px; white-space: nowrap; }
        details { margin-top: 14px; } summary { cursor: pointer; color: var(--soft); }
        dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 10px 0 0; font-size: 14px; }
        dl.facts dt { color: var(--soft); } dl.facts dd { margin: 0; }
        footer { color: var(--soft); font-size: 13px; max-width: 1120px; margin: 0 auto; padding: 4px 24px 40px; }
        @media print { body { background: none; } section { break-inside: avoid; } }
        """
}
