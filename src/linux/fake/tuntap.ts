import { SennitError } from "../../base/errors.ts";
import type { PacketMemory } from "../packetmemory.ts";
import { checkDeviceName, type OpenTunTap, type TunTap } from "../tuntap.ts";

/** Packets a device holds for its reader: the kernel's default txqueuelen. More are lost. */
const QUEUE_LENGTH = 1000;

interface Device {
  readonly name: string;
  /** Sent by the host's network stack, not yet read. */
  readonly waiting: Uint8Array[];
  readonly onPacket: Set<(packet: Uint8Array) => void>;
  up: boolean;
  carrier: boolean;
}

/** TUN and TAP devices in memory, with the host's side of them to play with. Refuses what the kernel refuses. */
export class FakeTunTaps {
  readonly #devices = new Map<string, Device>();
  #lastFd = 100;

  readonly open: OpenTunTap = (kind, name) => {
    checkDeviceName(name);
    if (this.#devices.has(name)) throw new SennitError("kernel", "EBUSY", `create ${kind} ${name}: EBUSY`);
    const device: Device = { name, waiting: [], onPacket: new Set(), up: false, carrier: true };
    this.#devices.set(name, device);
    return new FakeTunTap(device, ++this.#lastFd, () => this.#devices.delete(name));
  };

  /** What `ip link set NAME up` or `down` does. */
  switch(name: string, on: boolean): void {
    // What waits for the reader stays: the kernel keeps it through off and on.
    this.#device(name).up = on;
  }

  /** The host sends a packet out of the device. */
  send(name: string, packet: Uint8Array): void {
    const { up, carrier, waiting } = this.#device(name);
    if (up && carrier && waiting.length < QUEUE_LENGTH) waiting.push(Uint8Array.from(packet));
  }

  /** Calls `fn` with every packet that the host takes in from the device. */
  listen(name: string, fn: (packet: Uint8Array) => void): void {
    this.#device(name).onPacket.add(fn);
  }

  #device(name: string): Device {
    const device = this.#devices.get(name);
    if (device === undefined) throw new SennitError("kernel", "ENODEV", `no device ${name}`);
    return device;
  }
}

class FakeTunTap implements TunTap {
  readonly name: string;
  fd: number;
  readonly #device: Device;
  readonly #vanish: () => void;

  constructor(device: Device, fd: number, vanish: () => void) {
    this.name = device.name;
    this.fd = fd;
    this.#device = device;
    this.#vanish = vanish;
  }

  read(memory: PacketMemory, offset: number, length: number): number {
    memory.at(offset, length);
    const packet = this.fd < 0 ? undefined : this.#device.waiting.shift();
    if (packet === undefined) return 0;
    memory.bytes.set(packet.subarray(0, length), offset);
    return Math.min(packet.length, length);
  }

  write(memory: PacketMemory, offset: number, length: number): boolean {
    memory.at(offset, length);
    if (this.fd < 0 || !this.#device.up) return false;
    // The host's side looks at the carrier, the device's does not.
    if (!this.#device.carrier) return true;
    const packet = Uint8Array.from(memory.bytes.subarray(offset, offset + length));
    for (const listener of this.#device.onPacket) listener(packet);
    return true;
  }

  setCarrier(on: boolean): void {
    if (this.fd < 0) {
      throw new SennitError("kernel", "EBADF", `carrier ${on ? "on" : "off"} for ${this.name}: EBADF`);
    }
    this.#device.carrier = on;
  }

  close(): void {
    if (this.fd >= 0) this.#vanish();
    this.fd = -1;
  }
}
