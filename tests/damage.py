"What happens to files: bytes that are cut, flipped or doubled, texts that are edited, archives that lie"
import bz2
import struct
import zlib
from dataclasses import dataclass


def pick(rng, options): return options[int(rng.integers(len(options)))]


@dataclass
class Mistake(Exception):
    "What a forged file must never lead to"
    verdict: str                        # 'other', 'traceback', 'slow' or 'memory'
    detail: str = ''


# Bytes --------------------------------------------------------------------------------------------------

def a_part(rng, data, longest=None):
    "Where some bytes begin and end"
    first, last = sorted(int(place) for place in rng.integers(len(data)+1, size=2))
    return first, min(last, first + (longest or len(data)))


def cut_off(rng, data): return data[:int(rng.integers(len(data)+1))]


def cut_off_late(rng, data): return data[:len(data) - int(rng.integers(1, 30))]


def flip_bits(rng, data):
    data = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if data: data[int(rng.integers(len(data)))] ^= 1<<int(rng.integers(8))
    return bytes(data)


def flip_late_bits(rng, data):
    "Where archives and Parquet have what they say of themselves"
    end = min(len(data), 400)
    return data[:-end] + flip_bits(rng, data[-end:])


def flip_early_bits(rng, data): return flip_bits(rng, data[:100]) + data[100:]


def other_bytes(rng, data):
    first, last = a_part(rng, data, 20)
    return data[:first] + rng.bytes(last-first) + data[last:]


def take_out(rng, data):
    first, last = a_part(rng, data)
    return data[:first] + data[last:]


def double(rng, data):
    first, last = a_part(rng, data)
    return data[:last] + data[first:last] + data[last:]


def swap_parts(rng, data):
    first, last = a_part(rng, data)
    middle = (first+last)//2
    return data[:first] + data[middle:last] + data[first:middle] + data[last:]


def put_in(rng, data):
    first, _ = a_part(rng, data)
    return data[:first] + pick(rng, [b'\0', b'\0'*512, rng.bytes(7), b'\r', b'\xff', b'"',
                                     b'\x1a']) + data[first:]


def wipe(rng, data):
    "As a disk does that wrote a file's length, and not its blocks"
    first, last = a_part(rng, data)
    return data[:first] + bytes(last-first) + data[last:]


def append(rng, data): return data + pick(rng, [b'\0', bytes(1024), rng.bytes(30), data, b'\n\n', b'\x1a'])


def prepend(rng, data): return pick(rng, [b'\0', rng.bytes(4), data, b'\n', b'#!/bin/sh\n',
                                          b'\xef\xbb\xbf']) + data


def nothing_left(rng, data): return pick(rng, [b'', b'\n', b'\0', data[:4], b'\xef\xbb\xbf'])


DAMAGES = [cut_off, cut_off_late, flip_bits, flip_bits, flip_late_bits, flip_early_bits, other_bytes,
           take_out, double,
           swap_parts, put_in, wipe, append, prepend, nothing_left]


def damaged(rng, data):
    "Bytes like these, but for one thing; which it was"
    how = pick(rng, DAMAGES)
    return how(rng, data), how.__name__


# Archives -----------------------------------------------------------------------------------------------

# Field of a member → its place in the directory, its place before the member, how it is written
FIELDS = dict(flags=(8, 6, 'H'), method=(10, 8, 'H'), crc=(16, 14, 'I'), packed=(20, 18, 'I'),
              size=(24, 22, 'I'), name_length=(28, 26, 'H'), extra_length=(30, 28, 'H'))
DIRECTORY_ONLY = dict(comment_length=(32, 'H'), made_by=(4, 'H'), attributes=(38, 'I'), offset=(42, 'I'))
END = dict(entries_here=(8, 'H'), entries=(10, 'H'), length=(12, 'I'), start=(16, 'I'), comment=(20, 'H'))
VALUES = [0, 1, 2, 8, 9, 12, 14, 93, 98, 99, 2**15, 2**16-1, 2**31-1, 2**32-1, 10**9]


def entries_of(data):
    "Where the directory of an archive speaks of each member"
    found, place = [], data.find(b'PK\1\2')
    while place>=0:
        found.append(place)
        place = data.find(b'PK\1\2', place+1)
    return found


def write_field(data, place, code, value):
    return struct.pack_into('<'+code, data, place, value % 2**(16 if code=='H' else 32))


def lie_of_a_member(rng, data):
    "An archive whose directory, or the head of a member, says something else of that member"
    data = bytearray(data)
    entry = pick(rng, entries_of(data))
    local, = struct.unpack_from('<I', data, entry+42)
    if rng.random()<.2:
        name = pick(rng, [*DIRECTORY_ONLY])
        place, code = DIRECTORY_ONLY[name]
        write_field(data, entry+place, code, pick(rng, VALUES))
        return bytes(data), f'{name} in the directory'
    name = pick(rng, [*FIELDS])
    in_directory, before, code = FIELDS[name]
    value = pick(rng, VALUES)
    if name=='flags': value = 1<<int(rng.integers(16))
    where = pick(rng, ['both', 'the directory', 'its head'])
    if where!='its head': write_field(data, entry+in_directory, code, value)
    if where!='the directory': write_field(data, local+before, code, value)
    return bytes(data), f'{name}={value} in {where}'


def lie_at_the_end(rng, data):
    "An archive that says something else of its directory"
    data = bytearray(data)
    name = pick(rng, [*END])
    place, code = END[name]
    old, = struct.unpack_from('<'+code, data, len(data)-22+place)
    value = pick(rng, [*VALUES, old+1, old-1])
    write_field(data, len(data)-22+place, code, value)
    return bytes(data), f'{name}={value} at its end'


def change_content(rng, data):
    "A member whose bytes are others than its check sum says, or whose packing ends early"
    entry = pick(rng, entries_of(data))
    local, = struct.unpack_from('<I', data, entry+42)
    packed, = struct.unpack_from('<I', data, entry+20)
    name, extra = struct.unpack_from('<HH', data, local+26)
    first = local + 30 + name + extra
    content = flip_bits(rng, data[first:first+packed])
    return data[:first] + content + data[first+packed:], 'content'


def forged_archive(rng, data):
    "An archive like this, but for one thing; which it was"
    return pick(rng, [damaged, lie_of_a_member, lie_of_a_member, lie_at_the_end, change_content])(rng, data)


def unzipped(data):
    "Name → content of each member, by its directory, to its check sum; ValueError if one is wrong"
    end = data.rfind(b'PK\5\6')
    if end<0: raise ValueError('no end')
    try:
        length, start = struct.unpack_from('<II', data, end+12)
        entry = end-length
        found = {}
        while entry<end:
            content, name, entry = member_at(data[:end], entry, end-length-start)
            if name in found: raise ValueError('a name twice')
            found[name] = content
    except (struct.error, zlib.error, OSError) as error: raise ValueError(str(error)) from error
    return found


def member_at(data, entry, before):
    "What the directory says there: content and name of a member, and where the next one is spoken of"
    values = struct.unpack_from('<4s6H3I5H2I', data, entry)
    mark, _, _, _, method, _, _, crc, length, size, name_length, extra, comment, _, _, _, offset = values
    place = before+offset
    local = struct.unpack_from('<4s5H3I2H', data, place)
    if (mark, local[0])!=(b'PK\1\2', b'PK\3\4') or values[3]&1: raise ValueError('not a member')
    name = data[entry+46:entry+46+name_length]
    first = place + 30 + local[-2] + local[-1]
    if data[place+30:place+30+local[-2]]!=name: raise ValueError('two names')
    content = data[first:first+length]
    if method==8: content = zlib.decompressobj(-15).decompress(content)
    elif method==12: content = bz2.decompress(content)
    elif method!=0: raise ValueError('packed in another way')
    content = content[:size]
    if zlib.crc32(content)!=crc or len(content)!=size: raise ValueError('wrong check sum')
    return content, name.decode('cp437'), entry + 46 + name_length + extra + comment


# gzip ---------------------------------------------------------------------------------------------------

def gunzipped(data):
    "What a gzip file holds, by zlib, to its check sum; ValueError if anything is wrong with it"
    parts = []
    while data.strip(b'\0'):
        tool = zlib.decompressobj(wbits=31)
        try: parts.append(tool.decompress(data))
        except zlib.error as error: raise ValueError(str(error)) from error
        if not tool.eof: raise ValueError('cut off')
        data = tool.unused_data
    if not parts: raise ValueError('empty')
    return b''.join(parts)
