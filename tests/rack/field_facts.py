"""What the inputs of `field.py` hold, by how they were made.

Of each input: the parts of what `train --dry-run` must say, one for each line in this order: the
data, its test split, and each warning. `Error: ` begins a part of a refusal.
"""

GREY = '28 × 28 grey; mean'
RANDOM = f'64 pictures, no classes, {GREY} 0.310'
FOUR = f'64 pictures, 4 classes (0, 1, 2, 3), {GREY} 0.310'
RAMP = '1 picture, no classes, 32 × 32 colour; mean 0.332'
LARGE = '1 picture, no classes, 64 × 64 colour, from'
DIGITS = f'500 pictures, no classes, {GREY} 0.126'

FOLDERS = {
    'bytesname': (f'3 pictures, no classes, {GREY} 0.235',),
    'caps': (
        f'80 pictures, 2 classes (a, b), {GREY} 0.510',
        f', test split: 20 pictures, 2 classes (a, b), {GREY} 0.510',
    ),
    'deep': (
        f'80 pictures, 2 classes (cats, dogs), {GREY} 0.510',
        'Warning: deep: pictures in dog',
    ),
    'emptyclass': (f'80 pictures, 2 classes (a, c), {GREY} 0.510', 'left out the folder b'),
    'few': (f'5 pictures, no classes, {GREY} 0.235',),
    'junk': ('40 pictures, no classes, 28 × 28 grey; 4 files ignored (.db, .ini, .txt, broken ',),
    'misnamed': (f'1 picture, no classes, {GREY} 0.235',),
    'numbers': (f'132 pictures, 11 classes (1, 2, 3, 4, … 11), {GREY} 0.471',),
    'testbroken': (f'120 pictures, 2 classes (a, b), {GREY} 0.275', 'test/a/0000.png: is not a r'),
    'testlacks': (
        f'180 pictures, 3 classes (a, b, c), {GREY} 0.471',
        f', test split: 120 pictures, 2 of 3 classes (b, c), {GREY} 0.667',
    ),
    'testmore': (f'120 pictures, 2 classes (a, b), {GREY} 0.274', 'the training split lacks (c);'),
    'tif_class': ('80 pictures, 2 classes (cats, dogs), 28 × 28 grey; mean 0.510',),
    'tif_half': ('80 pictures, no classes, 28 × 28 grey; mean 0.510',),
    'unicode': (f'120 pictures, 3 classes (émeu, 犬, 猫), {GREY} 0.471',),
    'zero': ('Error: PATH/0007.png: is not a readable picture',),
}
ARRAYS = {
    **dict.fromkeys(('comp.npz', 'fortran.npz', 'idx_members', 'idx_nolabels'), (RANDOM,)),
    **dict.fromkeys(
        ('bigendian.npz', 'f01.npz', 'f16.npz'),
        ('64 pictures, no classes, 28 × 28 grey; read as floats in [0, 1]; mean 0.310',),
    ),
    'hwc1.npz': ('64 pictures, no classes, 28 × 28 grey; read as channels last; mean 0.310',),
    **{
        f'{order}.npz': (
            f'64 pictures, no classes, 28 × 28 colour; read as channels {place}; mean 0.310',
        )
        for order, place in (('chw', 'first'), ('hwc', 'last'))
    },
    **dict.fromkeys(('idx_ok', 'keys.npz', 'yu8.npz'), (FOUR,)),
    **dict.fromkeys(('idx_y1', 'y1.npz'), ('64 pictures, 4 classes (1, 2, 3, 4), 28 × 28 grey',)),
    'arr.npz': ('64 pictures, no classes, 28 × 28 grey; mean 0.310',),
    'bool.npz': ('Error: PATH[images]: has the type bool; must be',),
    'empty.npz': ('Error: PATH[images]: has the shape (0, 28, 28); must be',),
    'f255.npz': ('64 pictures, no classes, 28 × 28 grey; read as floats in [0, 255]; mean 0.310',),
    'flat784.npz': ('Error: PATH[images]: has the shape (64, 784); must be',),
    'h3.npz': ('64 pictures, no classes, 28 × 3 grey', 'are 28 × 3; if these are channels'),
    'hwc_h3.npz': (
        'Error: PATH[images]: has the shape (64, 3, 28, 3), whose channels may be first',
    ),
    'idx_badtest': (RANDOM, 't10k-images-idx3-ubyte: has 50183 bytes; must be 50192'),
    'idx_f32': ('Error: PATH/train-images-idx3-ubyte: begins with 0x00000d03; must be',),
    'idx_rgb': ('Error: PATH/train-images-idx3-ubyte: begins with 0x00000804; must be',),
    'idx_testmore': ('64 pictures, 3 classes (0, 1, 2)', 'the training split lacks (3); must have'),
    'idx_u16': ('Error: PATH/train-images-idx3-ubyte: begins with 0x00000b03; must be',),
    'int64.npz': (
        '64 pictures, no classes, 28 × 28 grey; read as whole numbers in [0, 255]; mean 0.310',
    ),
    'm11.npz': ('64 pictures, no classes, 28 × 28 grey; read as floats in [-1, 1]; mean 0.310',),
    'mixed.npz': ('64 pictures, 4 classes (0, 1, 2, 3), 28 × 28 grey; 1 array ignored (labels)',),
    'n3_3_3.npz': (
        'Error: PATH[images]: has the shape (64, 3, 4, 3), whose channels may be first',
    ),
    'nan.npz': ('Error: PATH[images]: contains NaN; must be',),
    'none.npz': ('Error: PATH: contains no arrays; must be',),
    'nonsq.npz': ('64 pictures, no classes, 28 × 20 grey',),
    'object.npz': ('Error: PATH[images]: holds pickled Python objects; must be',),
    'odd27.npz': ('64 pictures, no classes, 27 × 27 grey',),
    'rgba.npz': ('Error: PATH[images]: has the shape (64, 28, 28, 4); must be',),
    'testsplit.npz': (
        FOUR,
        ', test split: 32 pictures, 4 classes (0, 1, 2, 3), 28 × 28 grey; mean 0',
    ),
    'tiny.npz': ('64 pictures, no classes, 4 × 4 grey',),
    'u8_01.npz': (f'64 pictures, no classes, {GREY} 0.001', 'if they are masks, use 0 and 255'),
    'yf.npz': ('Error: PATH[labels]: has the type float64; must be',),
    'yhot.npz': ('Error: PATH[labels]: has the shape (64, 4) for 64 images; must be',),
    'yshort.npz': ('Error: PATH[labels]: has the shape (63,) for 64 images; must be',),
    'ysparse.npz': (f'64 pictures, 4 classes (0, 1000, 2000, 3000), {GREY} 0.310',),
    'ystr.npz': ('Error: PATH[labels]: has the type <U1; must be',),
}
PICTURES = {
    **dict.fromkeys(('bmp', 'cmyk', 'gif', 'palette', 'rgb', 'rgba_opaque', 'webp'), (RAMP,)),
    **dict.fromkeys(('bigjpeg', 'exif6'), (f'{LARGE} 512 × 512; mean 0.332',)),
    'widejpeg': (f'{LARGE} 2048 × 512 by centre crop; mean 0.332',),
    'float_tiff': ('1 picture, no classes, 32 × 32 grey; mean 0.498',),
    'i16': ('1 picture, no classes, 32 × 32 grey; mean 0.500',),
    'i16_12bit': (
        '1 picture, no classes, 32 × 32 grey; mean 0.029',
        'brightest pixel is 15 of 255',
    ),
    'la': ('32 × 32 grey; 1 picture with transparency put on black; mean 0.125',),
    'onebit': ('1 picture, no classes, 32 × 32 grey; mean 0.500',),
    'palette_bytes': ('32 × 32 colour; 1 picture with transparency put on black; mean 0.214',),
}
DIGIT_FOLDERS = {
    **{f'n{count}': (f'{count} pictures, no classes, {GREY} ',) for count in (3, 6, 15, 25, 100)},
    **dict.fromkeys(('n500', 'n500shuffled'), (DIGITS,)),
    'n1': (f'1 picture, no classes, {GREY} 0.138',),
    'inverted': (f'500 pictures, no classes, {GREY} 0.874',),
    'x4': ('500 pictures, no classes, 64 × 64 grey, from 112 × 112; mean 0.126',),
}
SHAPES = 'synthetic (built in): 512 pictures, 4 classes, 28 × 28 grey'
TWICE = ['bool', 'data', 'dup', 'float', 'hid', 'hid2', 'hid3', 'nul', 'sur']
CONFIGS = {
    **dict.fromkeys(('ok.json', 'crlf.json', 'bom.json', 'int.json'), (SHAPES,)),
    **{f'{name}.json': ('Error: is given more than once; must be given once',) for name in TWICE},
    **dict.fromkeys(
        ('comment.json', 'trailing.json', 'empty.json'), ('Error: is not JSON (Expecting ',)
    ),
    **dict.fromkeys(
        ('inf.json', 'nan.json', 'str.json'), ('Error: must be a number from 1e-08 to 10',)
    ),
    **dict.fromkeys(('null.json', 'zero.json'), ('Error: must be a number from 1e-08 to 10',)),
    **dict.fromkeys(('latin.json', 'utf16.json'), ('Error: is not UTF-8 text',)),
    **dict.fromkeys(
        ('negseed.json', 'bigseed.json'), ('Error: must be a whole number from 0 to 2,147',)
    ),
    **dict.fromkeys(('recipe.json', 'recipe2.json'), ('Error: must be one of dense, vanilla, ',)),
    'dash.json': ("Error: 'gen-hidden' is not a setting",),
    'unknown.json': ("Error: 'leraning_rate' is not a setting",),
    'huge.json': ('Error: is not JSON (a number has too many digits)',),
    'nested.json': ('Error: is not JSON (it is nested too deeply)',),
    'list.json': ('Error: must be a JSON object of settings',),
}
KINDS = {
    'folders': FOLDERS,
    'npz': ARRAYS,
    'pictures': PICTURES,
    'eval': DIGIT_FOLDERS,
    'configs': CONFIGS,
}
FACTS = {f'{kind}/{name}': parts for kind, each in KINDS.items() for name, parts in each.items()}
