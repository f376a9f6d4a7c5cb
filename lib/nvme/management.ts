// Admin commands that change a device (NVMe base specification, "Admin Command Set"; Format NVM has a section of its own).

export const managementOpcodes = {
  namespaceManagement: 0x0d,
  firmwareCommit: 0x10,
  firmwareDownload: 0x11,
  selfTest: 0x14,
  namespaceAttachment: 0x15,
  format: 0x80,
  sanitize: 0x84,
} as const;

/** The bits of Optional Admin Command Support (OACS) in Identify Controller that announce them. */
export const managementBits = { format: 1, firmware: 2, namespaces: 3, selfTest: 4 } as const;
