"""The prompt language: what a prompt means, as plain values (no torch here).

- `emphasis`: `(word:1.3)`, `[word]`, `BREAK`: text with weights.
- `editing`: `[from:to:when]` and `[a|b]`: which text from which step.
- `composition`: `a AND b :0.6`: several prompts with weights.
- `tags`: `<lora:name:0.8>` and its like, taken out of the text.
- `chunks`: token ids and weights, 75 places at a time.
- `styles`, `style_book`: named pieces of prompts, and the files that keep them.
- `wildcards`, `templates`: `__name__` and `{a|b|c}`, filled in by chance.
- `plan`: all of these for one request.
"""
