// Whether a key is free. Pure.

/**
 * @param {object} defaults Action -> chords of one side.
 * @param {object} own A person's changes.
 * @param {string} action Whose keys change.
 * @param {string[]} chords To these.
 * @returns {{action: string, chord: string}|undefined} Who holds one of them already.
 */
export function clashOf(defaults, own, action, chords) {
  for (const [other, held] of Object.entries({ ...defaults, ...own })) {
    if (other === action) continue;
    const chord = chords.find((each) => held?.includes(each));
    if (chord) return { action: other, chord };
  }
  return undefined;
}
