"""Source `spotify`: what connected accounts have just played, from Spotify's own API.

Asked are only `me/player/recently-played`, `me/player/currently-playing` and the token endpoint:
what a new app still gets.
"""
