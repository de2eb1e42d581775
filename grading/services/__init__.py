"""Acts of readers, adjudicators and the panel."""
