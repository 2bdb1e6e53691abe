"""Figures of an ecology at work: what a stream looks like in bounded memory, and one page that shows it.

overview = Overview(20, 8000)                        # a sink: give it to `trophic.run`
draw(overview, model.components(state), "voice.png")
"""
