"""How the embedded Postgres is set: small and quiet. It holds read models only, which the log can rebuild."""

from __future__ import annotations

from pathlib import Path

CONNECTIONS_MAX = 30
HBA_FILE = "pg_hba.conf"
IDENT_FILE = "pg_ident.conf"

SETTINGS = {
    "listen_addresses": "",
    "max_connections": str(CONNECTIONS_MAX),
    "shared_buffers": "32MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "32MB",
    "huge_pages": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "max_worker_processes": "2",
    # Losing the last moment in a power cut is harmless (the projector goes on from the position it finds); damage is not.
    "synchronous_commit": "off",
    "fsync": "on",
    "full_page_writes": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "autovacuum_max_workers": "1",
    "autovacuum_naptime": "5min",
    "bgwriter_delay": "2s",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def settings_for(major: int, room: Path, sockets: Path) -> dict[str, str]:
    """The settings for a server of `major` whose access rules lie in `room` and whose socket in `sockets`."""
    version = {"io_method": "sync"} if major >= 18 else {}  # else three more processes wait for I/O
    return {
        **SETTINGS,
        **version,
        "hba_file": str(room / HBA_FILE),
        "ident_file": str(room / IDENT_FILE),
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
    }
