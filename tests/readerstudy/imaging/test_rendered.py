"""WADO-RS rendered resources: what the query asks of a picture is done, or refused in a line of text (PS3.18 8.3.5)."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from readerstudy.dicom.windowing import window_to_8_bit
from readerstudy.imaging.models import Instance
from tests.readerstudy.imaging.test_odd_images import write
from tests.readerstudy.imaging.wsgi_client import HOST, session

# Stored values 0 .. 1199, each once; 30 rows, 40 columns.
GREYS = np.arange(1200).reshape(30, 40)


@pytest.fixture
def rendered(take_in, tmp_path, open_images):
    """Ask for a picture of one image of known values (-1000 .. 199 after rescale), or of one made otherwise."""

    def asked(query="", *, accept="image/png", resource="rendered", pixels=GREYS, **attributes):
        attributes = {"RescaleSlope": 1, "RescaleIntercept": -1000, **attributes}
        if not Instance.objects.exists():
            write(tmp_path / "files" / "1.dcm", pixels, **attributes)
            take_in(tmp_path / "files")
        row = Instance.objects.get()
        study = row.series.imaging_study
        case, presentation = open_images(study.image_set)
        address = (
            f"{HOST}/dicomweb/{presentation}/studies/{study.blinded_uid}/series/{row.series.blinded_uid}"
            f"/instances/{row.blinded_uid}/{resource}?{query}"
        )
        return session(token=case.token).get(address, headers={"Accept": accept})

    return asked


def shown(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return imagecodecs.png_decode(answer.content)


@pytest.mark.parametrize(
    ("asked", "function"),
    [("linear", "LINEAR"), ("linear-exact", "LINEAR_EXACT"), ("sigmoid", "SIGMOID")],
)
@pytest.mark.parametrize("resource", ["rendered", "frames/1/rendered"])
def test_the_window_is_the_one_that_is_asked_for(rendered, asked, function, resource):
    answer = rendered(f"window=-700.5,300,{asked}", resource=resource)
    expected = window_to_8_bit(GREYS - 1000, center=-700.5, width=300, function=function)
    assert np.array_equal(shown(answer), expected)


def test_a_window_is_turned_over_where_the_least_value_is_white(rendered):
    answer = rendered("window=-700,300,linear", PhotometricInterpretation="MONOCHROME1")
    expected = 255 - window_to_8_bit(GREYS - 1000, center=-700, width=300)
    assert np.array_equal(shown(answer), expected)


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_without_a_wish_the_images_own_function_draws_it(rendered, function):
    """Also at a width below 1, which these two functions allow."""
    answer = rendered(
        VOILUTFunction=function, WindowCenter="0.5", WindowWidth="0.8", RescaleIntercept=0, RescaleSlope=0.001
    )
    expected = window_to_8_bit(GREYS * 0.001, center=0.5, width=0.8, function=function)
    assert np.abs(shown(answer).astype(int) - expected).max() <= 1


def test_a_frames_own_function_draws_it(rendered):
    """Enhanced objects state window and function in a functional group (PS3.3 C.7.6.16.2.10)."""
    voi, group = Dataset(), Dataset()
    voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction = "-700", "300", "SIGMOID"
    group.FrameVOILUTSequence = [voi]
    answer = rendered(SharedFunctionalGroupsSequence=[group])
    expected = window_to_8_bit(GREYS - 1000, center=-700, width=300, function="SIGMOID")
    assert np.array_equal(shown(answer), expected)


def test_quality_is_that_of_the_jpeg(rendered):
    noise = np.random.default_rng(1).integers(0, 1200, (128, 128))
    sizes = [
        len(rendered(query, accept="image/jpeg", pixels=noise).content)
        for query in ("quality=1", "quality=40", "", "quality=100")
    ]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] > 5 * sizes[0]


@pytest.mark.parametrize(
    ("viewport", "picture"),
    [
        # Enlarged until it fits one way, kept in proportion, made smaller.
        ("80,600", np.repeat(np.repeat(GREYS, 2, 0), 2, 1)),
        ("20,15", None),
        # The region first, then the size; what is left out of the region reaches to the edge.
        ("10,5,20,10,10,5", GREYS[10:15, 20:30]),
        ("10,30,30", GREYS[:, 30:]),
        ("40,5,,25", GREYS[25:]),
        ("10,30,,,10,", GREYS[:, :10]),
        # Mirrored where a size is negative.
        ("10,5,20,10,-10,5", GREYS[10:15, 29:19:-1]),
        ("10,5,20,10,10,-5", GREYS[14:9:-1, 20:30]),
    ],
)
def test_the_viewport_is_the_one_that_is_asked_for(rendered, viewport, picture):
    found = shown(rendered(f"viewport={viewport}&window=-400,1200,linear-exact"))
    if picture is None:
        assert found.shape == (15, 20)
    else:
        expected = window_to_8_bit(picture - 1000, center=-400, width=1200, function="LINEAR_EXACT")
        assert np.array_equal(found, expected)


def test_the_link_may_say_which_kind_of_picture(rendered):
    answer = rendered("accept=image/png", accept="image/jpeg, */*")
    assert answer.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        *[
            (f"window={value}", "window is center,width,function")
            for value in ("", "40,400", "40,400,", "40,400,LINEAR", "40,400,cubic", "40,400,linear,1")
        ],
        *[(f"window={value},linear", "no number") for value in ("nan,400", "40,inf", "x,1", ",", "1_0,4")],
        ("window=40,0.5,linear", "The width of a window"),
        ("window=40,-400,linear-exact", "The width of a window"),
        ("window=40,0,sigmoid", "The width of a window"),
        ("window=40,400,linear&window=400,1800,linear", "window is stated more than once"),
        *[
            (f"quality={value}", "quality is a whole number from 1 to 100")
            for value in ("", "0", "101", "50.5", "high", "٥٠")
        ],
        *[(f"viewport={value}", "viewport is width,height") for value in ("", "10", "0,10", "a,b", "4097,5")],
        ("viewport=10,10,0,0,0,5", "region of viewport"),
        ("viewport=10,10,30,0,20,5", "region of viewport"),
        ("viewport=10,10,-1,0", "region of viewport"),
        ("viewport=10,10,41,0", "region of viewport"),
        ("viewport=10,10,0,0,x,5", "no number"),
        ("viewport=10,10,0,0,5,5,5", "viewport is width,height,left,top"),
        ("annotation=patient", "annotation is not offered"),
        ("iccprofile=srgb", "iccprofile is not offered"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line_of_text(rendered, query, said):
    answer = rendered(query, accept="image/jpeg")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (400, "no-store")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert said in answer.text
    assert answer.text.count("\n") == 1


def test_quality_says_nothing_of_a_picture_that_loses_nothing(rendered):
    answer = rendered("quality=50", accept="image/png")
    assert (answer.status_code, "quality is for image/jpeg" in answer.text) == (400, True)


def test_a_thumbnail_takes_a_viewport_only(rendered):
    assert shown(rendered("viewport=20,15", resource="thumbnail")).shape == (15, 20)
    for query in ("window=40,400,linear", "quality=50", "viewport=20,15,0,0,5,5"):
        answer = rendered(query, accept="image/jpeg", resource="thumbnail")
        assert (answer.status_code, "thumbnail" in answer.text) == (400, True)


def test_a_window_is_refused_for_an_image_in_colour(rendered):
    colours = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    depth = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "Rows": 30, "Columns": 40}
    # 30 x 40 pixels of three bytes, written as words.
    words = np.random.default_rng(2).integers(0, 65536, (30, 60))
    plain = rendered(pixels=words, **colours, **depth, RescaleIntercept=0)
    assert np.asarray(Image.open(io.BytesIO(plain.content))).shape == (30, 40, 3)
    answer = rendered("window=40,400,linear")
    assert (answer.status_code, "in colour" in answer.text) == (400, True)


def test_pictures_under_different_parameters_do_not_stand_for_each_other(rendered):
    """A browser keeps an answer by its address, and by Accept where the kind of picture depends on it."""
    queries = (
        "",
        "window=-700,300,linear",
        "window=-700,300,sigmoid",
        "viewport=20,15",
        "viewport=20,20,0,0,15,15",
    )
    answers = [rendered(query) for query in queries]
    assert len({answer.content for answer in answers}) == len(queries)
    for answer in answers:
        assert "Accept" in answer.headers["Vary"].split(", ")
        assert "immutable" in answer.headers["Cache-Control"]
        assert "ETag" not in answer.headers
