# Makes the fabric: network device, soft-RoCE device, disks and the kernel's NVMe target.
# Read by the guest's agent and by host mode; `fabric_*` calls come from topology.ts. Needs root, configfs at
# /sys/kernel/config, and the commands ip, rdma, mkdir and ln (the last two with several operands: forks are what
# costs time on an emulated processor).

nvmet=/sys/kernel/config/nvmet
nullb=/sys/kernel/config/nullb

fabric_link() { # netdev rdmadev address...
  fabric_netdev=$1 fabric_rdmadev=$2
  shift 2
  {
    echo "link add $fabric_netdev type dummy"
    echo "link set $fabric_netdev mtu 4200 up"
    for fabric_address; do
      case $fabric_address in
      *:*) echo "address add $fabric_address dev $fabric_netdev nodad" ;;
      *) echo "address add $fabric_address dev $fabric_netdev" ;;
      esac
    done
  } | ip -batch - || return
  rdma link add "$fabric_rdmadev" type rxe netdev "$fabric_netdev"
}

fabric_disk() { # name MiB blocksize
  mkdir "$nullb/$1" || return
  echo 1 >"$nullb/$1/memory_backed"
  echo "$2" >"$nullb/$1/size"
  echo "$3" >"$nullb/$1/blocksize"
  echo 1 >"$nullb/$1/power"
}

fabric_subsystem() { # nqn serial model maxqid|-
  mkdir "$nvmet/subsystems/$1" || return
  echo "$2" >"$nvmet/subsystems/$1/attr_serial"
  echo "$3" >"$nvmet/subsystems/$1/attr_model"
  echo 1 >"$nvmet/subsystems/$1/attr_allow_any_host"
  [ "$4" = - ] || echo "$4" >"$nvmet/subsystems/$1/attr_qid_max"
  fabric_subsystems="$fabric_subsystems $nvmet/subsystems/$1"
}

fabric_allow() { # nqn hostnqn...
  echo 0 >"$nvmet/subsystems/$1/attr_allow_any_host"
  fabric_nqn=$1
  shift
  for fabric_host; do
    [ -d "$nvmet/hosts/$fabric_host" ] || mkdir "$nvmet/hosts/$fabric_host" || return
    ln -s "$nvmet/hosts/$fabric_host" "$nvmet/subsystems/$fabric_nqn/allowed_hosts/" || return
  done
}

fabric_namespace() { # nqn nsid disk
  fabric_ns=$nvmet/subsystems/$1/namespaces/$2
  mkdir "$fabric_ns" || return
  echo "/dev/$3" >"$fabric_ns/device_path"
  echo 1 >"$fabric_ns/enable"
}

# Once a subsystem is linked the port listens, so ports come last.
fabric_port() { # id trtype adrfam traddr trsvcid
  fabric_p=$nvmet/ports/$1
  mkdir "$fabric_p" || return
  echo "$2" >"$fabric_p/addr_trtype"
  echo "$3" >"$fabric_p/addr_adrfam"
  echo "$4" >"$fabric_p/addr_traddr"
  echo "$5" >"$fabric_p/addr_trsvcid"
  # shellcheck disable=SC2086 # one word a subsystem; NQNs here hold no blanks
  ln -s $fabric_subsystems "$fabric_p/subsystems/"
}
