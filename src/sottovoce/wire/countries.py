"""The countries that are counted by name: ISO 3166-1 alpha-2 as assigned, and XK for Kosovo."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.wire.listens import country_code

_ASSIGNED: Final = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""

COUNTRY_CODES: Final[npt.NDArray[np.uint32]] = np.array(
    [0, *(country_code(each) for each in _ASSIGNED.split())], np.uint32
)
"""Codes as on a listen, ascending; the first is 0, for what is unknown or none of these."""


def country_places(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
    """Return each code's place in `COUNTRY_CODES`; that of 0 for a code that is none of them."""
    places = np.minimum(np.searchsorted(COUNTRY_CODES, codes), len(COUNTRY_CODES) - 1)
    return np.where(COUNTRY_CODES[places] == codes, places, 0)
