import assert from "node:assert/strict";
import test from "node:test";
import { chooseHangings, gridFor, leadWithFinding } from "../../static/js/viewer/hanging.js";

const sagT1 = { series_uid: "1", modality: "MR", plane: "sagittal", label: "Sagittal T1" };
const sagT2 = { series_uid: "2", modality: "MR", plane: "sagittal", label: "Sagittal T2" };
const axT2 = { series_uid: "3", modality: "MR", plane: "axial", label: "Axial T2" };
const axCt = { series_uid: "4", modality: "CT", plane: "axial", label: "Axial CT" };
const ap = { series_uid: "5", modality: "DX", plane: "projection", label: "AP X-ray" };
const protocol = {
  name: "facets",
  viewports: [
    { modality: "MR", plane: "sagittal", weighting: "T2", area: "main" },
    { modality: "MR", plane: "axial", area: "top" },
    { modality: "CT", plane: "axial", area: "bottom" },
  ],
};
const uids = ({ slots }) => slots.map(({ series }) => series.series_uid);

test("the protocol's viewports take the series they ask for", () => {
  const [first] = chooseHangings([protocol], [sagT1, sagT2, axT2, axCt]);
  assert.equal(first.name, "facets");
  assert.deepEqual(uids(first), ["2", "3", "4"]);
});

test("a weighting is preferred; without it the other one hangs", () => {
  assert.deepEqual(uids(chooseHangings([protocol], [sagT1, axT2, axCt])[0]), ["1", "3", "4"]);
});

test("a radiograph hangs by its view", () => {
  const lateral = { ...ap, series_uid: "7", view: "lateral" };
  const views = { name: "x", viewports: [{ modality: "XR", view: "lateral", area: "main" }, { modality: "XR", view: "ap", area: "top" }] };
  assert.deepEqual(uids(chooseHangings([views], [{ ...ap, view: "AP" }, lateral])[0]), ["7", "5"]);
});

test("any subset of a case still hangs, the fullest protocol first", () => {
  const xray = { name: "x", viewports: [{ modality: "XR", area: "main" }] };
  assert.deepEqual(uids(chooseHangings([protocol, xray], [axT2])[0]), ["3"]);
  assert.equal(chooseHangings([protocol, xray], [axT2, sagT2, ap])[0].name, "x");
  assert.equal(chooseHangings([protocol, xray], [axT2, sagT2])[0].name, "facets");
});

test("a case that fits nothing hangs as it comes; a series is used once", () => {
  const [first] = chooseHangings([protocol], [ap, { ...ap, series_uid: "6" }]);
  assert.equal(first.name, "as-they-come");
  assert.deepEqual(uids(first), ["5", "6"]);
});

test("without a protocol the built-in ones are used", () => {
  assert.deepEqual(uids(chooseHangings([], [axCt, axT2, sagT2])[0]), ["2", "3", "4"]);
});

test("grid: main column beside stacked views; on tall screens main on top", () => {
  const wide = gridFor(["main", "top", "bottom"], { width: 884, height: 828 });
  assert.deepEqual(
    wide.places.map(({ column, row }) => [column, row]),
    [
      ["1", "1 / span 2"],
      ["2", "1"],
      ["2", "2"],
    ],
  );
  const tall = gridFor(["main", "top", "bottom"], { width: 700, height: 1200 });
  assert.equal(tall.places[0].column, "1 / span 2");
  assert.equal(tall.places[2].row, "2");
});

test("grid: in little room the lowest view leaves, never the main one", () => {
  const { places } = gridFor(["main", "top", "bottom"], { width: 600, height: 600 });
  assert.deepEqual(
    places.map(({ hidden }) => hidden),
    [false, false, true],
  );
});

test("grid: one view fills everything", () => {
  const { columns, rows } = gridFor(["main"], { width: 800, height: 800 });
  assert.equal(columns, "repeat(1, minmax(0, 1fr))");
  assert.equal(rows, "repeat(1, minmax(0, 1fr))");
});

test("where one finding is settled, the view around the joint has the main place", () => {
  const joint = { ...protocol, viewports: protocol.viewports.map((rule, n) => (n ? { ...rule, field_mm: 140 } : rule)) };
  const [first] = chooseHangings([joint], [sagT1, sagT2, axT2, axCt]);
  const lead = leadWithFinding(first);
  assert.deepEqual(uids(lead), ["2", "3", "4"]);
  assert.deepEqual(lead.slots.map(({ area }) => area), ["top", "main", "bottom"]);
  assert.deepEqual(first.slots.map(({ area }) => area), ["main", "top", "bottom"]);
  const [plain] = chooseHangings([protocol], [sagT2, axT2, axCt]);
  assert.equal(leadWithFinding(plain), plain);
  const { places } = gridFor(["top", "main", "bottom"], { width: 1030, height: 1000 }, true);
  assert.deepEqual(places.map(({ row }) => row), ["2", "1", "2"]);
  assert.equal(places[1].column, "1 / span 2");
});
