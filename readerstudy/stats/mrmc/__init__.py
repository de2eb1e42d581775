"""Several readers, several cases: Obuchowski-Rockette, DBM, U-statistics, model against readers."""
