"""`sottovoce ask`: every question, as a table or as JSON."""

from __future__ import annotations

import typer

from sottovoce.cli.asking import counting, looking, ranking
from sottovoce.cli.asking.connecting import with_credentials

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Ask the query service about the crowd. Without a range: the last complete slice.",
)

for _command in (
    ranking.top_tracks,
    ranking.top_artists,
    counting.genres,
    counting.countries,
    counting.distinct_listeners,
    counting.distinct_tracks,
    counting.distinct_artists,
    counting.series,
    counting.window,
    counting.correlation,
    ranking.played,
    ranking.sample,
    looking.similar,
    looking.search,
    looking.trends,
    looking.status,
):
    app.command()(with_credentials(_command))
