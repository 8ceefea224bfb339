"""The little CSS that Streamlit has no option for."""

from __future__ import annotations

from typing import Final

CSS: Final = """
.block-container { padding-top: 2.6rem; max-width: 1280px; }
/* A refresh that comes every two seconds must not dim or blink. */
[data-stale="true"] { opacity: 1 !important; transition: none !important; }
[data-testid="stStatusWidget"] { display: none; }

.sv-fresh { display: flex; gap: .6rem; align-items: baseline; margin: 0; line-height: 1.45; }
.sv-badge { font-weight: 650; font-size: .8rem; letter-spacing: .04em; text-transform: uppercase;
  border-radius: 1rem; padding: .1rem .65rem; white-space: nowrap; color: var(--sv-on);
  background: var(--sv-state); }
.sv-live, .sv-sealed { --sv-state: #0b7f5c; --sv-on: #fff; }
.sv-waiting { --sv-state: #5b6472; --sv-on: #fff; }
.sv-stale { --sv-state: #a45a00; --sv-on: #fff; }
.sv-down { --sv-state: #b3261e; --sv-on: #fff; }
.sv-privacy { margin: .15rem 0 0; font-size: .87rem; opacity: .85; }
.sv-privacy a { white-space: nowrap; }

.sv-ranking { list-style: none; margin: 0 !important; padding: 0 !important; }
.sv-ranking li { display: grid; grid-template-columns: 1.9rem 2.6rem 1fr 4.6rem; gap: .35rem;
  align-items: center; padding: .3rem 0 !important; margin: 0 !important; font-size: .95rem;
  border-bottom: 1px solid color-mix(in srgb, currentColor 10%, transparent); }
.sv-rank { text-align: right; font-variant-numeric: tabular-nums; opacity: .65; }
.sv-move { text-align: center; font-size: .8rem; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.sv-rose { color: #16a06b; } .sv-fell { color: #dd5a4a; }
.sv-same { opacity: .45; } .sv-new { opacity: .65; font-style: italic; }
.sv-name { min-width: 0; display: block; }
.sv-line { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.sv-title { font-weight: 600; }
.sv-detail { opacity: .7; margin-left: .5rem; font-size: .9rem; }
.sv-bar { position: relative; display: block; height: 5px; margin-top: .28rem; border-radius: 3px;
  background: color-mix(in srgb, currentColor 8%, transparent); overflow: hidden; }
.sv-bar span { position: absolute; inset: 0 auto 0 0; background: #7b6ce0; border-radius: 3px;
  transition: width .4s ease; }
.sv-bar .sv-high { opacity: .4; }
.sv-bar .sv-at { width: 3px; margin-left: -1.5px; border-radius: 0; background: currentColor;
  opacity: .75; transition: left .4s ease; }
.sv-count { font-variant-numeric: tabular-nums; font-weight: 600; text-align: right; }
.st-key-answers table { font-size: .88rem; }
.st-key-answers table td { border-left: none; border-right: none; white-space: nowrap; }
.st-key-answers table th:empty { display: none; }
.st-key-answers table thead:not(:has(th:not(:empty))) { display: none; }
@media (max-width: 40rem) { .sv-line { white-space: normal; overflow-wrap: anywhere; } }
@media (prefers-reduced-motion: reduce) { .sv-bar span { transition: none; } }
"""

KEPT_CSS: Final = ".st-key-answers { opacity: .5; filter: grayscale(.85); }"
"""What greys answers that are kept from before the service went away."""
