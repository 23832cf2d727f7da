"""What Discord takes at most, in characters where nothing else is said.

Its API counts code points (https://github.com/discord/discord-api-docs/issues/1315), its clients UTF-16 units;
`graphemes.width` counts the latter, of which there are never fewer.
"""

from __future__ import annotations

from typing import Final

# https://discord.com/developers/docs/resources/message#create-message-jsonform-params
CONTENT: Final = 2000
EMBEDS: Final = 10
"""Embeds of a message."""

# https://discord.com/developers/docs/resources/message#embed-object-embed-limits
TITLE: Final = 256
DESCRIPTION: Final = 4096
FIELDS: Final = 25
"""Fields of an embed."""
FIELD_NAME: Final = 256
FIELD_VALUE: Final = 1024
FOOTER: Final = 2048
AUTHOR: Final = 256
TOTAL: Final = 6000
"""Of titles, descriptions, names and values of fields, footers and authors, in all embeds of a message."""
EMBED_URL: Final = 2048
"""Of an embed, its author, and its pictures."""

# https://discord.com/developers/docs/components/reference
CUSTOM_ID: Final = 100
BUTTON_LABEL: Final = 80
BUTTON_URL: Final = 512
SELECT_OPTIONS: Final = 25
SELECT_PLACEHOLDER: Final = 150
OPTION_LABEL: Final = 100
OPTION_VALUE: Final = 100
OPTION_DESCRIPTION: Final = 100
TEXT_INPUT_LABEL: Final = 45
TEXT_INPUT_PLACEHOLDER: Final = 100
TEXT_INPUT_VALUE: Final = 4000

# https://discord.com/developers/docs/interactions/receiving-and-responding
MODAL_TITLE: Final = 45
CHOICES: Final = 25
"""Choices of an autocompletion."""
CHOICE_NAME: Final = 100
CHOICE_VALUE: Final = 100
