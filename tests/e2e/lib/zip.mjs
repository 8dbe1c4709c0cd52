// @ts-check
/** Zip archives made from nothing, whole or wrong in one way, and the DICOMDIR of a CD. */

import { crc32, deflateRawSync } from 'node:zlib';

/**
 * A file of an archive: `packed` how it is packed; what is told of it wrongly in the archive's directory, where it is.
 * @typedef {{ name: string, bytes: Buffer, packed?: 'stored' | 'deflated', method?: number, flags?: number, size?: number, wide?: boolean }} Member
 */

/** @param {Member[]} members @param {{ count?: number, comment?: string, shift?: number }} [wrong] */
export function zip(members, { count = members.length, comment = '', shift = 0 } = {}) {
  /** @type {Buffer[]} */
  const files = [];
  /** @type {Buffer[]} */
  const directory = [];
  let at = 0;
  for (const { name, bytes, packed = 'stored', method = packed === 'stored' ? 0 : 8, flags = 0, size = bytes.length, wide = false } of members) {
    const content = packed === 'stored' ? bytes : deflateRawSync(bytes);
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(wide ? 45 : 20, 0);
    common.writeUInt16LE(flags | 0x800, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(wide ? 0xffffffff : size, 18);
    common.writeUInt16LE(path.length, 22);
    files.push(Buffer.from('PK\x03\x04', 'latin1'), common, path, content);
    const extra = Buffer.alloc(wide ? 12 : 0);
    if (wide) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(8, 2);
      extra.writeBigUInt64LE(BigInt(size), 4);
    }
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    common.writeUInt16LE(extra.length, 24);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), Buffer.from(common), rest, path, extra);
    // The local header has no extra field.
    at += 4 + 26 + path.length + content.length;
    common.writeUInt16LE(0, 24);
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(at + shift, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...files, listed, end, Buffer.from(comment)]);
}

/** A DICOMDIR that names these images, each by its path. @param {string[]} paths */
export function dicomdir(paths) {
  const element = (/** @type {number[]} */ tag, /** @type {string} */ value) => {
    const even = value.length % 2 ? `${value} ` : value;
    return Buffer.concat([Buffer.from([...tag, 0x43, 0x53, even.length, 0]), Buffer.from(even)]);
  };
  const record = (/** @type {string} */ kind) => element([4, 0, 0x30, 0x14], kind);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    record('PATIENT'),
    record('SERIES'),
    ...paths.flatMap((path) => [record('IMAGE'), element([4, 0, 0, 0x15], path.replaceAll('/', '\\'))]),
    record('PRESENTATION'),
    element([4, 0, 0, 0x15], 'PR\\NOTE'),
  ]);
}
