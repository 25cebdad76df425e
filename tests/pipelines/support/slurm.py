# SPDX-License-Identifier: Apache-2.0
"""A Slurm of three nodes on this machine: real daemons, in a folder of their own, with GPUs that are only counted."""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from cases import PATIENCE

NODES = ('farm1', 'farm2', 'farm3')
CONFIGURATION = """\
ClusterName=farm
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=10
KillWait=5
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=1,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{nodes}
PartitionName=films Nodes=ALL Default=YES PriorityTier=1 GraceTime=10 PreemptMode=REQUEUE MaxTime=60
PartitionName=urgent Nodes=ALL PriorityTier=10 PreemptMode=OFF MaxTime=60
"""


def reason_against():
    """Why there can be none here; '': nothing."""
    if os.geteuid() != 0:
        return 'a Slurm of its own needs root'
    for program in ('munged', 'slurmctld', 'slurmd', 'sbatch'):
        if not shutil.which(program, path=os.environ['PATH'] + ':/usr/sbin'):
            return f'{program} is not installed; ./setup --tests installs it'
    return ''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Cluster:
    """Use it with `with`. `environment` is for what asks it."""

    def __init__(self, folder):
        self.folder, self.processes = folder, {}
        self.environment = {'SLURM_CONF': str(folder / 'slurm.conf')}

    def __enter__(self):
        self.folder.mkdir(mode=0o755)
        (self.folder / 'state').mkdir()
        (self.folder / 'munge.key').write_bytes(os.urandom(128))
        (self.folder / 'munge.key').chmod(0o600)
        nodes = '\n'.join(f'NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={free_port()} '
                          'CPUs=2 Gres=gpu:1 State=UNKNOWN' for name in NODES)
        (self.folder / 'slurm.conf').write_text(CONFIGURATION.format(
            host=socket.gethostname(), port=free_port(), folder=self.folder, nodes=nodes))
        (self.folder / 'gres.conf').write_text(f'NodeName={NODES[0][:-1]}[1-3] Name=gpu File={self.folder}/gpu\n')
        (self.folder / 'gpu').touch()
        try:
            self.start('munged', '--foreground', '--force', f'--key-file={self.folder}/munge.key',
                       f'--socket={self.folder}/munge.socket', f'--pid-file={self.folder}/munged.pid',
                       f'--log-file={self.folder}/munged.log', f'--seed-file={self.folder}/munged.seed')
            self.wait(lambda: (self.folder / 'munge.socket').exists(), 'munged')
            self.start_controller()
            for name in NODES:
                self.start_node(name)
            self.wait(lambda: self.ask('sinfo', '-h', '-N', '-p', 'films', '-o', '%T').split() == ['idle'] * 3, 'idle nodes')
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(list(self.processes.values())):
            process.kill()
            process.wait()

    def start(self, name, *arguments, key=None):
        program = shutil.which(name, path=os.environ['PATH'] + ':/usr/sbin')
        log = open(self.folder / f'{key or name}.out', 'ab')  # pylint: disable=consider-using-with
        self.processes[key or name] = subprocess.Popen([program, *arguments], env={**os.environ, **self.environment},
                                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                       start_new_session=True)

    def start_controller(self):
        self.start('slurmctld', '-D')
        self.wait(lambda: 'UP' in self.ask('scontrol', 'ping'), 'slurmctld')

    def start_node(self, name):
        self.start('slurmd', '-D', '-N', name, key=name)

    def lose_node(self, name):
        """The node is gone, with all that ran there."""
        self.stop(name)
        for process in Path('/proc').glob('[0-9]*'):
            try:
                words = (process / 'environ').read_bytes().split(b'\0')
                if f'SLURMD_NODENAME={name}'.encode() in words and f'SLURM_CONF={self.folder}/slurm.conf'.encode() in words:
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue

    def stop(self, key, how=signal.SIGKILL):
        self.processes[key].send_signal(how)
        self.processes.pop(key).wait()

    def restart_controller(self):
        """In order: one that is killed before it has saved its state launches jobs twice, and drains nodes then."""
        self.stop('slurmctld', signal.SIGTERM)
        self.start_controller()

    def ask(self, *command):
        result = subprocess.run(command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False)
        return result.stdout

    def jobs(self):
        """State and node of each job's tasks."""
        return [line.split('|') for line in self.ask('squeue', '-h', '-r', '-o', '%F|%K|%T|%N').splitlines()]

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f'no {what}: ' + ''.join(
                path.read_text(errors='replace')[-2000:] for path in self.folder.glob('*.log'))
            time.sleep(0.1)
